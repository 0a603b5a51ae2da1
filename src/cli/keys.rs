//! `usher keys`: API keys, made, listed and taken back directly in the database.

use super::out::{Failure, Out};
use crate::api::auth::SCOPES;
use crate::app::{Effective, open_migrated};
use crate::base::chance::{Entropy, SystemEntropy};
use crate::base::clock::{Clock, SystemClock};
use crate::base::id::{KeyId, ProjectId, stamped};
use crate::base::secret::{Secret, new_token, token_hash};
use crate::base::time::Timestamp;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::store::{KeyKind, KeyRow, ProjectRow, Store};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it, once: only its hash is stored. The project is made if it is not there yet
    Create(CreateArguments),
    /// List the keys of a project, without the keys themselves
    List {
        #[arg(long)]
        project: String,
    },
    /// Take a key back; running servers notice within seconds
    Revoke {
        #[arg(long)]
        project: String,
        /// The id that `usher keys list` shows (key_…)
        id: KeyId,
    },
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// Name of the project
    #[arg(long)]
    project: String,
    /// Secret keys are for servers; publishable keys go into apps and can only register devices
    #[arg(long, value_enum, default_value_t = Kind::Secret)]
    kind: Kind,
    /// What a secret key may do: read, write, admin, or all
    #[arg(long, value_delimiter = ',', default_value = "all")]
    scopes: Vec<String>,
    /// For people, to tell keys apart
    #[arg(long, default_value = "")]
    label: String,
    /// Flavour of a project that is made: test projects take made-up positions for real ones
    #[arg(long, value_enum, default_value_t = Flavour::Live)]
    mode: Flavour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Secret,
    Publishable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Flavour {
    Test,
    Live,
}

pub(super) async fn run(arguments: KeysArguments, effective: Effective, out: Out) -> Result<(), Failure> {
    let store = open_migrated(&effective.settings.database).await?;
    let done = match arguments.command {
        KeysCommand::Create(create) => create_key(&store, create, out).await,
        KeysCommand::List { project } => list(&store, &project, out).await,
        KeysCommand::Revoke { project, id } => revoke(&store, &project, id, out).await,
    };
    store.close().await?;
    done
}

async fn create_key(store: &Store, arguments: CreateArguments, out: Out) -> Result<(), Failure> {
    if let Some(unknown) = arguments.scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
        let what = format!("there is no scope `{unknown}`");
        return Err(Failure::new(what, format!("scopes are {}", SCOPES.join(", "))));
    }
    let mode = match arguments.mode {
        Flavour::Test => Mode::Test,
        Flavour::Live => Mode::Live,
    };
    let now = SystemClock.now();
    let (project, made) = project_or_new(store, &arguments.project, mode, now).await?;
    let (kind, scopes) = match arguments.kind {
        Kind::Secret => (KeyKind::Secret, arguments.scopes),
        Kind::Publishable => (KeyKind::Publishable, Vec::new()),
    };
    let (row, key) = new_key(&project, kind, scopes, arguments.label, now);
    store.create_key(&row).await?;
    if out.json {
        let mut told = described(&row);
        told["key"] = json!(key.expose());
        told["project"] = json!(project.name);
        return out.value(&told);
    }
    if made {
        out.line(&format!("made the project `{}`", project.name))?;
    }
    out.line(key.expose())?;
    out.line("keep it now: it is not stored and will not be shown again")
}

/// The project of this name; a new one when there is none.
pub(super) async fn project_or_new(
    store: &Store,
    name: &str,
    mode: Mode,
    now: Timestamp,
) -> Result<(ProjectRow, bool), Failure> {
    if let Some(known) = store.project_by_name(name).await? {
        return Ok((known, false));
    }
    let project = ProjectRow {
        id: ProjectId::from(stamped(SystemEntropy.seed(), now)),
        name: name.to_owned(),
        mode,
        salt: new_token("salt", &SystemEntropy).expose().to_owned(),
        settings: ProjectSettings::default(),
        catalogue_version: 1,
        created_at: now,
    };
    store.create_project(&project).await?;
    Ok((project, true))
}

/// A key and the row that knows it by its hash.
pub(super) fn new_key(
    project: &ProjectRow,
    kind: KeyKind,
    scopes: Vec<String>,
    label: String,
    now: Timestamp,
) -> (KeyRow, Secret) {
    let kind_word = match kind {
        KeyKind::Secret => "sk",
        KeyKind::Publishable => "pk",
    };
    let flavour = match project.mode {
        Mode::Test => "test",
        Mode::Live => "live",
    };
    let key = new_token(&format!("{kind_word}_{flavour}"), &SystemEntropy);
    let text = key.expose();
    let row = KeyRow {
        id: KeyId::from(stamped(SystemEntropy.seed(), now)),
        project_id: project.id,
        kind,
        scopes,
        token_hash: token_hash(text).to_vec(),
        label,
        last4: text.get(text.len().saturating_sub(4)..).unwrap_or_default().to_owned(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    (row, key)
}

fn described(row: &KeyRow) -> Value {
    let kind = match row.kind {
        KeyKind::Secret => "secret",
        KeyKind::Publishable => "publishable",
    };
    json!({ "id": row.id, "kind": kind, "scopes": row.scopes, "label": row.label, "last4": row.last4,
            "created_at": row.created_at, "expires_at": row.expires_at, "revoked_at": row.revoked_at })
}

async fn known_project(store: &Store, name: &str) -> Result<ProjectRow, Failure> {
    if let Some(project) = store.project_by_name(name).await? {
        return Ok(project);
    }
    let names: Vec<String> = store
        .projects()
        .await?
        .into_iter()
        .map(|project| project.name)
        .collect();
    let remedy = if names.is_empty() {
        "there is none yet; `usher keys create --project NAME` makes one".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    Err(Failure::new(format!("there is no project `{name}`"), remedy))
}

async fn list(store: &Store, project: &str, out: Out) -> Result<(), Failure> {
    let project = known_project(store, project).await?;
    let keys = store.keys(project.id).await?;
    if out.json {
        return out.value(&keys.iter().map(described).collect::<Vec<_>>());
    }
    for key in &keys {
        let (state, kind) = match (key.is_valid(SystemClock.now()), key.kind) {
            (true, KeyKind::Secret) => ("valid", "secret"),
            (true, KeyKind::Publishable) => ("valid", "publishable"),
            (false, KeyKind::Secret) => ("ended", "secret"),
            (false, KeyKind::Publishable) => ("ended", "publishable"),
        };
        let made = key.created_at.format("%Y-%m-%d");
        let scopes = key.scopes.join(",");
        out.line(
            format!(
                "{}  {kind:11}  …{}  {state}  {made}  {scopes:8}  {}",
                key.id, key.last4, key.label
            )
            .trim_end(),
        )?;
    }
    Ok(())
}

async fn revoke(store: &Store, project: &str, id: KeyId, out: Out) -> Result<(), Failure> {
    let project = known_project(store, project).await?;
    if !store.revoke_key(project.id, id, SystemClock.now()).await? {
        let what = format!("project `{}` has no valid key {id}", project.name);
        return Err(Failure::new(what, "`usher keys list --project …` shows them"));
    }
    if out.json {
        out.value(&json!({ "id": id, "revoked": true }))
    } else {
        out.line(&format!("{id} is taken back"))
    }
}
