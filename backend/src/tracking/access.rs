//! Who a client is, and which projects and runs are theirs.

use domain::ids::UserId;
use domain::people::{Project, Role, User};
use domain::time::Timestamp;
use domain::tracking::requests::{is_project_name, workspace};

use crate::people::{as_actor, hash, random_text};
use crate::store::FoundRun;
use crate::{Actor, Backend, Error, Result, clock};

/// How long a client's session is good for. Clients log in again before every request once less than a week is left.
const SESSION_MILLIS: i64 = 90 * 24 * 3600 * 1000;
const SESSION_CHARS: usize = 43;

/// What a client gets for a key.
pub struct LogIn {
    pub sid: String,
    pub expires_at: Timestamp,
    pub user: User,
}

/// Opens a client's session for an API key. None: there is no such key, or it was revoked.
pub async fn log_in(backend: &Backend, key: &str) -> Result<Option<LogIn>> {
    let now = clock::now();
    let Some((user, id, _)) = backend.store().user_of_key(&hash(key)).await? else {
        return Ok(None);
    };
    backend.store().touch_key(&id, now).await?;
    let sid = random_text(SESSION_CHARS)?;
    let expires_at = now.plus_millis(SESSION_MILLIS);
    backend
        .store()
        .insert_tracker_session(&hash(&sid), &id, now, expires_at)
        .await?;
    Ok(Some(LogIn {
        sid,
        expires_at,
        user,
    }))
}

/// Who holds a client's session, while its key is valid.
pub async fn actor_of_sid(backend: &Backend, sid: &str) -> Result<Option<(User, Actor)>> {
    let holder = backend
        .store()
        .holder_of_tracker_session(&hash(sid), clock::now())
        .await?;
    match holder {
        Some(holder) => actor_of_user(backend, &holder.user).await,
        None => Ok(None),
    }
}

/// The person for whom a client was given leave to send a file.
pub(super) async fn actor_of_user(
    backend: &Backend,
    user: &UserId,
) -> Result<Option<(User, Actor)>> {
    match backend.store().user_by_id(user).await? {
        Some(user) => as_actor(backend, user, None).await,
        None => Ok(None),
    }
}

/// The actor in the project that a client calls `name`. None: they have none of that name.
pub async fn in_project(
    backend: &Backend,
    actor: &Actor,
    name: &str,
) -> Result<Option<(Actor, Project)>> {
    let own = own_name(backend, actor, name).await?;
    let projects = backend.store().projects_of(&actor.user).await?;
    let named = |wanted: &str| projects.iter().find(|(project, _)| project.name == wanted);
    Ok(named(&own)
        .or_else(|| named(name))
        .map(|(project, role)| (within(actor, project, *role), project.clone())))
}

/// Finds the project, or makes it. Names are unique on a console: when somebody else has the name, the person's own is added.
pub async fn open_project(
    backend: &Backend,
    actor: &Actor,
    name: &str,
) -> Result<(Actor, Project, bool)> {
    if let Some((actor, project)) = in_project(backend, actor, name).await? {
        return Ok((actor, project, false));
    }
    if !is_project_name(name) {
        return Err(Error::Invalid(vec![domain::finding::Finding::stops(
            "name",
            "A project's name is 1 to 100 letters, digits and any of _ - + .",
            "项目名称为 1 到 100 个字母、数字或 _ - + .",
        )]));
    }
    let mut project = Project {
        id: clock::new_id(),
        name: name.to_owned(),
        created_at: clock::now(),
    };
    for wanted in [name.to_owned(), own_name(backend, actor, name).await?] {
        project.name = wanted;
        let is_new = backend
            .store()
            .insert_project(&project.id, &project.name, &actor.user, project.created_at)
            .await?;
        if is_new {
            return Ok((within(actor, &project, Role::Admin), project, true));
        }
    }
    // Made at the same moment by the same person's other process.
    let found = in_project(backend, actor, name).await?;
    let (actor, project) = found.ok_or(Error::NotFound("project"))?;
    Ok((actor, project, false))
}

/// The run with this public id, and the actor in its project. None: there is none, or not for them.
pub async fn of_run(
    backend: &Backend,
    actor: &Actor,
    public_id: &str,
) -> Result<Option<(Actor, FoundRun)>> {
    let Some(run) = backend.store().run_by_public_id(public_id).await? else {
        return Ok(None);
    };
    let projects = backend.store().projects_of(&actor.user).await?;
    let of = projects
        .iter()
        .find(|(project, _)| project.id == run.project);
    Ok(of.map(|(project, role)| (within(actor, project, *role), run)))
}

fn within(actor: &Actor, project: &Project, role: Role) -> Actor {
    Actor {
        user: actor.user.clone(),
        project: project.id.clone(),
        role,
    }
}

/// What a person's project is called when somebody else has the name.
async fn own_name(backend: &Backend, actor: &Actor, name: &str) -> Result<String> {
    let user = backend.store().user_by_id(&actor.user).await?;
    let user = user.ok_or(Error::Denied)?;
    Ok(format!("{name} ({})", workspace(&user.name)))
}

/// The name that clients put into the addresses of a person's projects.
pub async fn workspace_of(backend: &Backend, actor: &Actor) -> Result<String> {
    let user = backend.store().user_by_id(&actor.user).await?;
    Ok(workspace(&user.ok_or(Error::Denied)?.name))
}

/// Runs of a project, by which clients number new ones.
pub async fn count_runs(backend: &Backend, project: &Project) -> Result<u64> {
    backend.store().count_runs(&project.id).await
}
