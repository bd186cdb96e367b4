//! Rows of conversations and their turns.

use domain::chat::{Conversation, Speaker, Turn, TurnState, Usage};
use domain::ids::{ConversationId, ProjectId, TurnId, UserId};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;

fn speaker_word(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    }
}

fn turn(row: &SqliteRow) -> Result<Turn> {
    Ok(Turn {
        id: parsed(row.get("id"))?,
        conversation_id: parsed(row.get("conversation_id"))?,
        parent_id: row
            .get::<Option<String>, _>("parent_id")
            .map(parsed)
            .transpose()?,
        speaker: match row.get::<String, _>("speaker").as_str() {
            "system" => Speaker::System,
            "assistant" => Speaker::Assistant,
            _ => Speaker::User,
        },
        text: row.get("body"),
        reasoning: row.get("reasoning"),
        state: from_json(row.get("state"))?,
        deployment_id: row
            .get::<Option<String>, _>("deployment_id")
            .map(parsed)
            .transpose()?,
        parameters: from_json(row.get("parameters"))?,
        usage: from_json(row.get("usage"))?,
        created_at: Timestamp(row.get("created_at")),
    })
}

fn conversation(row: &SqliteRow) -> Result<Conversation> {
    Ok(Conversation {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        title: row.get("title"),
        created_at: Timestamp(row.get("created_at")),
    })
}

impl Store {
    /// Stores turns, with their conversation when it is new, all or nothing. Each turn comes with the raw request, if it had one.
    pub async fn insert_turns(
        &self,
        new: Option<(&Conversation, &UserId)>,
        turns: &[(Turn, Option<String>)],
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        if let Some((conversation, creator)) = new {
            sqlx::query("insert into conversations (id, project_id, created_by, title, created_at) values ($1, $2, $3, $4, $5)")
                .bind(conversation.id.as_str())
                .bind(conversation.project_id.as_str())
                .bind(creator.as_str())
                .bind(&conversation.title)
                .bind(conversation.created_at.0)
                .execute(&mut *transaction)
                .await
                .map_err(failed("store a conversation"))?;
        }
        for (turn, raw_request) in turns {
            sqlx::query(
                "insert into turns (id, conversation_id, parent_id, speaker, body, reasoning, state, deployment_id, parameters, \
                 raw_request, usage, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(turn.id.as_str())
            .bind(turn.conversation_id.as_str())
            .bind(turn.parent_id.as_ref().map(TurnId::as_str))
            .bind(speaker_word(turn.speaker))
            .bind(&turn.text)
            .bind(&turn.reasoning)
            .bind(to_json(&turn.state)?)
            .bind(turn.deployment_id.as_ref().map(domain::ids::DeploymentId::as_str))
            .bind(to_json(&turn.parameters)?)
            .bind(raw_request.as_deref())
            .bind(to_json(&turn.usage)?)
            .bind(turn.created_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store a turn"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }

    /// Keeps what a reply has said so far, and how it stands.
    pub async fn update_reply(
        &self,
        id: &TurnId,
        text: &str,
        reasoning: &str,
        state: &TurnState,
        usage: &Usage,
    ) -> Result<()> {
        sqlx::query(
            "update turns set body = $2, reasoning = $3, state = $4, usage = $5 where id = $1",
        )
        .bind(id.as_str())
        .bind(text)
        .bind(reasoning)
        .bind(to_json(state)?)
        .bind(to_json(usage)?)
        .execute(&self.writer)
        .await
        .map_err(failed("keep a reply"))?;
        Ok(())
    }

    /// Replies that a server which is gone was writing are cut off. Answers how many.
    pub async fn cut_off_replies(&self, why: &str) -> Result<u64> {
        let state = to_json(&TurnState::CutOff {
            why: why.to_owned(),
        })?;
        let done = sqlx::query("update turns set state = $1 where state = $2")
            .bind(state)
            .bind(to_json(&TurnState::Streaming)?)
            .execute(&self.writer)
            .await
            .map_err(failed("cut off replies"))?;
        Ok(done.rows_affected())
    }

    pub async fn conversations(&self, project: &ProjectId) -> Result<Vec<Conversation>> {
        let rows = sqlx::query(
            "select * from conversations where project_id = $1 order by id desc limit 200",
        )
        .bind(project.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list conversations"))?;
        rows.iter().map(conversation).collect()
    }

    pub async fn conversation(
        &self,
        project: &ProjectId,
        id: &ConversationId,
    ) -> Result<Option<Conversation>> {
        let row = sqlx::query("select * from conversations where project_id = $1 and id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a conversation"))?;
        row.as_ref().map(conversation).transpose()
    }

    /// All turns of a conversation, oldest first.
    pub async fn turns(&self, id: &ConversationId) -> Result<Vec<Turn>> {
        let rows = sqlx::query("select * from turns where conversation_id = $1 order by id")
            .bind(id.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read turns"))?;
        rows.iter().map(turn).collect()
    }

    pub async fn turn(&self, project: &ProjectId, id: &TurnId) -> Result<Option<Turn>> {
        let row = sqlx::query(
            "select turns.* from turns join conversations on conversations.id = turns.conversation_id \
             where conversations.project_id = $1 and turns.id = $2",
        )
        .bind(project.as_str())
        .bind(id.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a turn"))?;
        row.as_ref().map(turn).transpose()
    }

    pub async fn delete_conversation(&self, id: &ConversationId) -> Result<()> {
        let mut transaction = self.begin().await?;
        // A turn names its parent: children first, which were stored later.
        let turns: Vec<String> =
            sqlx::query_scalar("select id from turns where conversation_id = $1 order by id desc")
                .bind(id.as_str())
                .fetch_all(&mut *transaction)
                .await
                .map_err(failed("list turns"))?;
        for turn in turns {
            sqlx::query("delete from turns where id = $1")
                .bind(turn)
                .execute(&mut *transaction)
                .await
                .map_err(failed("delete a turn"))?;
        }
        sqlx::query("delete from conversations where id = $1")
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(failed("delete a conversation"))?;
        transaction.commit().await.map_err(failed("commit"))
    }
}
