//! Projects as clients name them.

use domain::ids::{ProjectId, UserId};
use domain::people::{Project, Role};
use domain::time::Timestamp;
use sqlx::Row;

use super::super::{Store, failed, parsed};
use crate::error::Result;

impl Store {
    /// The projects that a person is a member of, by name, with their role in each.
    pub async fn projects_of(&self, user: &UserId) -> Result<Vec<(Project, Role)>> {
        let rows = sqlx::query(
            "select projects.id, projects.name, projects.created_at, role from project_members \
             join projects on projects.id = project_members.project_id where user_id = $1 order by projects.id",
        )
        .bind(user.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list projects"))?;
        rows.iter()
            .map(|row| {
                let role = match row.get::<String, _>("role").as_str() {
                    "admin" => Role::Admin,
                    "member" => Role::Member,
                    _ => Role::Viewer,
                };
                let project = Project {
                    id: parsed(row.get("id"))?,
                    name: row.get("name"),
                    created_at: Timestamp(row.get("created_at")),
                };
                Ok((project, role))
            })
            .collect()
    }

    /// Makes a project of which its creator is admin. False: another has the name.
    pub async fn insert_project(
        &self,
        id: &ProjectId,
        name: &str,
        creator: &UserId,
        now: Timestamp,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "insert into projects (id, name, created_by, created_at) values ($1, $2, $3, $4) on conflict (name) do nothing",
        )
        .bind(id.as_str())
        .bind(name)
        .bind(creator.as_str())
        .bind(now.0)
        .execute(&mut *transaction)
        .await
        .map_err(failed("store a project"))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "insert into project_members (project_id, user_id, role) values ($1, $2, 'admin')",
        )
        .bind(id.as_str())
        .bind(creator.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(failed("store a membership"))?;
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(true)
    }

    /// Runs of a project that were not launched here.
    pub async fn count_runs(&self, project: &ProjectId) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar("select count(*) from tracked_runs where project_id = $1")
                .bind(project.as_str())
                .fetch_one(&self.reader)
                .await
                .map_err(failed("count runs"))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
