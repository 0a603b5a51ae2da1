//! The vault of a store: locked until it is given keys, which come from the configuration or from a file beside the database.

use super::codec::{do_nothing, insert_all};
use super::connect::Store;
use super::error::StoreError;
use super::keys_file;
use crate::base::chance::{Entropy, SystemEntropy};
use crate::base::secret::Secret;
use crate::base::vault::{IndexKey, KeyError, Keyring, OpenError, Place, sealed_with};
use ::entity::vault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

/// `[vault]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The keys as text, for those who keep secrets in the environment; the first one seals, all of them open.
    pub keys: Option<Secret>,
    /// A file that holds them; it is read again while Usher runs. `vault.key` beside the database when nothing is said.
    pub keys_file: Option<PathBuf>,
}

impl Settings {
    fn file(&self, database_url: &str) -> PathBuf {
        let named = self.keys_file.clone();
        named.unwrap_or_else(|| keys_file::beside(database_url))
    }
}

/// Puts a new key before those in the file of the keys; says which file that is.
pub fn rotate_keys(settings: &Settings, database_url: &str, entropy: &dyn Entropy) -> Result<PathBuf, VaultError> {
    let file = settings.file(database_url);
    keys_file::put_first(&file, entropy)?;
    Ok(file)
}

/// Why the vault stays locked: what is wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the database is sealed with the key {id}, which is not among those of {place} ({held})")]
    WrongKey { id: String, place: String, held: String },
    #[error("the database is sealed with the key {id}, and the file of the keys, {place}, is not there")]
    NoKey { id: String, place: String },
    #[error("the keys of the vault cannot be used: {place}: {error}")]
    Key { place: String, error: KeyError },
    #[error("the keys of the vault cannot be read or made: {place}: {error}")]
    File { place: String, error: std::io::Error },
    #[error("what the database holds for the vault was changed")]
    Tampered,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VaultError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::WrongKey { .. } => {
                "put that key back beside the others, as the last line of vault.keys_file or the last word of vault.keys: nothing else opens what it has sealed"
            }
            Self::NoKey { .. } => {
                "put the file back from where its copy is kept, or say in vault.keys_file (USHER__VAULT__KEYS_FILE) where it is: nothing else opens what it has sealed. To begin without the data, take another database"
            }
            Self::Key { .. } => "one key per line, the newest first; `usher vault new` makes one",
            Self::File { .. } => {
                "may this user read the file and write its folder? vault.keys_file (USHER__VAULT__KEYS_FILE) names another place"
            }
            Self::Tampered => "restore the table `vault` from a backup",
            Self::Store(_) => "look at the database and its disk",
        }
    }
}

/// What is known of the vault of a store once it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultState {
    /// The ids of the keys, the one that seals first.
    pub keys: Vec<String>,
    /// The file they come from; none when they stand in the configuration.
    pub file: Option<PathBuf>,
    /// The file was made just now.
    pub made: bool,
}

#[derive(Debug)]
pub(super) struct Opened {
    pub(super) keys: Keyring,
    pub(super) index: IndexKey,
    file: Option<PathBuf>,
}

/// The keys of a store, shared by its clones.
#[derive(Debug, Clone, Default)]
pub(super) struct Vault(Arc<RwLock<Option<Arc<Opened>>>>);

impl Vault {
    pub(super) fn opened(&self) -> Result<Arc<Opened>, StoreError> {
        let opened = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        opened.ok_or_else(|| StoreError::Unavailable("the vault is locked: its keys have not been given".into()))
    }

    fn set(&self, opened: Opened) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opened));
    }
}

/// The row that holds the key of the names.
const INDEX: &str = "index";
const INDEX_PLACE: Place = Place {
    project: Uuid::nil(),
    column: "vault.index",
};

impl Store {
    /// Opens the vault: with the keys of the settings, or with those of the file, which is made when this database has never
    /// been sealed. Run the migrations first. Addresses that stand in plain text are sealed before this returns.
    pub async fn open_vault(&self, settings: &Settings, database_url: &str) -> Result<VaultState, VaultError> {
        let (keys, file, made) = if let Some(text) = &settings.keys {
            let keys = Keyring::read(text.expose()).map_err(|error| VaultError::Key {
                place: "vault.keys".into(),
                error,
            })?;
            (keys, None, false)
        } else {
            let file = settings.file(database_url);
            let (keys, made) = self.keys_of(&file).await?;
            (keys, Some(file), made)
        };
        let state = VaultState {
            keys: keys.ids().into_iter().map(str::to_owned).collect(),
            file: file.clone(),
            made,
        };
        self.unlock(keys, file).await?;
        self.seal_addresses().await?;
        Ok(state)
    }

    /// The same, but nothing is made: none when this database has never been sealed and there is no key either.
    pub async fn probe_vault(&self, settings: &Settings, database_url: &str) -> Result<Option<VaultState>, VaultError> {
        let file = settings.file(database_url);
        let there = settings.keys.is_some() || tokio::fs::try_exists(&file).await.unwrap_or(false);
        if there || self.vault_key_needed().await?.is_some() {
            return self.open_vault(settings, database_url).await.map(Some);
        }
        Ok(None)
    }

    /// Opens the vault with these keys.
    pub async fn unlock(&self, keys: Keyring, file: Option<PathBuf>) -> Result<(), VaultError> {
        let stored = match self.sealed_index().await? {
            Some(stored) => stored,
            None => self.make_index(&keys).await?,
        };
        let index = open_index(&keys, &stored, file.as_deref())?;
        self.vault.set(Opened { keys, index, file });
        Ok(())
    }

    /// Looks whether the file of the keys has changed and takes the new ones; a file that does not read, or that lacks the key
    /// the database needs, changes nothing. True when there are new keys.
    pub async fn reload_keys(&self) -> Result<bool, VaultError> {
        let opened = self.vault.opened()?;
        let Some(file) = opened.file.clone() else {
            return Ok(false);
        };
        let keys = keys_file::read(&file).await?;
        if keys.ids() == opened.keys.ids() {
            return Ok(false);
        }
        self.unlock(keys, Some(file)).await?;
        Ok(true)
    }

    /// The ids of the keys of this process, the one that seals first.
    pub fn vault_keys(&self) -> Result<Vec<String>, StoreError> {
        let opened = self.vault.opened()?;
        Ok(opened.keys.ids().into_iter().map(str::to_owned).collect())
    }

    /// The id of the key that this database cannot do without; none when it has never been sealed.
    pub async fn vault_key_needed(&self) -> Result<Option<String>, StoreError> {
        let stored = self.sealed_index().await?;
        Ok(stored.as_deref().and_then(sealed_with).map(str::to_owned))
    }

    /// Seals the key of the names with the key that seals now, when another one did. True when it was so.
    pub(super) async fn reseal_index(&self) -> Result<bool, StoreError> {
        let opened = self.vault.opened()?;
        let Some(stored) = self.sealed_index().await? else {
            return Ok(false);
        };
        if sealed_with(&stored) == Some(opened.keys.current()) {
            return Ok(false);
        }
        let anew = seal_index(&opened.keys, &opened.index)?;
        vault::Entity::update_many()
            .col_expr(vault::Column::Sealed, Expr::value(anew))
            .filter(vault::Column::Name.eq(INDEX))
            .filter(vault::Column::Sealed.eq(stored))
            .exec(&self.writer)
            .await?;
        Ok(true)
    }

    async fn keys_of(&self, file: &Path) -> Result<(Keyring, bool), VaultError> {
        let there = tokio::fs::try_exists(file).await.unwrap_or(false);
        if there {
            if keys_file::is_open_to_others(file) {
                tracing::warn!(file = %file.display(), "others than its owner may read the keys of the vault: chmod 600 it");
            }
            return Ok((keys_file::read(file).await?, false));
        }
        if let Some(id) = self.vault_key_needed().await? {
            let place = file.display().to_string();
            return Err(VaultError::NoKey { id, place });
        }
        let made = keys_file::make(file, &SystemEntropy)?;
        Ok((keys_file::read(file).await?, made))
    }

    async fn sealed_index(&self) -> Result<Option<String>, StoreError> {
        let row = vault::Entity::find_by_id(INDEX).one(&self.reader).await?;
        Ok(row.map(|row| row.sealed))
    }

    /// Draws the key of the names; of two processes that do so at once, the one that came first counts.
    async fn make_index(&self, keys: &Keyring) -> Result<String, StoreError> {
        let row = vault::Model {
            name: INDEX.to_owned(),
            sealed: seal_index(keys, &IndexKey::draw(&SystemEntropy))?,
        };
        insert_all(&self.writer, vec![row.into_active_model()], Some(do_nothing())).await?;
        let stored = self.sealed_index().await?;
        stored.ok_or_else(|| StoreError::Unavailable("the vault could not be written".into()))
    }
}

fn seal_index(keys: &Keyring, index: &IndexKey) -> Result<String, StoreError> {
    let text = STANDARD.encode(index.expose());
    let sealed = keys.seal(INDEX_PLACE, text.as_bytes());
    sealed.map_err(|error| StoreError::Unavailable(error.to_string()))
}

fn open_index(keys: &Keyring, stored: &str, file: Option<&Path>) -> Result<IndexKey, VaultError> {
    let bytes = match keys.open(INDEX_PLACE, stored) {
        Ok(bytes) => bytes,
        Err(OpenError::KeyMissing { id }) => {
            let place = file.map_or("vault.keys".to_owned(), |file| file.display().to_string());
            let held = keys.ids().join(", ");
            return Err(VaultError::WrongKey { id, place, held });
        }
        Err(OpenError::Tampered | OpenError::NotSealed) => return Err(VaultError::Tampered),
    };
    let bytes = STANDARD.decode(bytes).map_err(|_| VaultError::Tampered)?;
    Ok(IndexKey::new(bytes))
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
