//! Rows of chart layouts: one per person and project.

use domain::ids::{ProjectId, UserId};
use domain::metrics::layout::Layout;
use domain::time::Timestamp;

use super::{Store, failed, from_json, to_json};
use crate::error::Result;

impl Store {
    /// What a person arranged in a project; nothing yet is the usual layout.
    pub async fn chart_layout(&self, user: &UserId, project: &ProjectId) -> Result<Layout> {
        let row: Option<String> = sqlx::query_scalar(
            "select layout from chart_layouts where user_id = $1 and project_id = $2",
        )
        .bind(user.as_str())
        .bind(project.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a chart layout"))?;
        row.map(from_json)
            .transpose()
            .map(Option::unwrap_or_default)
    }

    pub async fn set_chart_layout(
        &self,
        user: &UserId,
        project: &ProjectId,
        layout: &Layout,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "insert into chart_layouts (user_id, project_id, layout, updated_at) values ($1, $2, $3, $4) \
             on conflict (user_id, project_id) do update set layout = excluded.layout, updated_at = excluded.updated_at",
        )
        .bind(user.as_str())
        .bind(project.as_str())
        .bind(to_json(layout)?)
        .bind(now.0)
        .execute(&self.writer)
        .await
        .map_err(failed("store a chart layout"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{first_admin, fresh};
    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn a_layout_is_kept_for_one_person_and_replaced() {
        let (store, _folder) = fresh().await;
        let (user, project) = first_admin(&store).await;
        let other: UserId = clock::new_id();
        assert_eq!(
            store.chart_layout(&user, &project).await.expect("read"),
            Layout::default()
        );
        let mut layout = Layout::default();
        for name in ["loss", "损失/<b>"] {
            layout.pin(name, true);
            store
                .set_chart_layout(&user, &project, &layout, Timestamp(2))
                .await
                .expect("stored");
        }
        assert_eq!(
            store.chart_layout(&user, &project).await.expect("read"),
            layout
        );
        assert_eq!(
            store.chart_layout(&other, &project).await.expect("read"),
            Layout::default()
        );
    }
}
