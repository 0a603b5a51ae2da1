//! Fact types: a definition comes into force only when every trigger that listens still fits it.

use super::{Pipeline, PipelineError};
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::engine::fact::{FactType, builtin};
use crate::engine::trigger::{Around, CompiledTrigger, TriggerError};
use crate::store::Upserted;
use std::collections::HashMap;
use std::sync::Arc;

/// What became of a definition.
#[derive(Debug, Clone, PartialEq)]
pub enum TypePut {
    Done(Upserted),
    /// These triggers would not build any more, each with what is wrong: nothing was changed.
    Breaks(Vec<(String, Vec<TriggerError>)>),
    /// The project has as many types as it may have.
    TooMany,
    /// There is no such definition.
    NotFound,
}

impl Pipeline {
    /// Defines a type in place of the one with its name. Its schema was checked by the caller.
    pub async fn put_fact_type(&self, project_id: ProjectId, fact_type: &FactType) -> Result<TypePut, PipelineError> {
        let known = self.0.store.fact_types(project_id).await?;
        let is_new = known.iter().all(|row| row.fact_type.kind != fact_type.kind);
        if is_new && known.len() >= limits::FACT_TYPES_MAX {
            return Ok(TypePut::TooMany);
        }
        let broken = self
            .broken_by(project_id, &fact_type.kind, Some(fact_type.clone()))
            .await?;
        if !broken.is_empty() {
            return Ok(TypePut::Breaks(broken));
        }
        let outcome = self.0.store.put_fact_type(project_id, fact_type, self.now()).await?;
        if outcome != Upserted::Same {
            self.reload(project_id).await?;
        }
        Ok(TypePut::Done(outcome))
    }

    /// Takes a definition back: the built-in one of that name, if there is one, is in force again.
    pub async fn delete_fact_type(&self, project_id: ProjectId, kind: &str) -> Result<TypePut, PipelineError> {
        let known = self.0.store.fact_types(project_id).await?;
        if known.iter().all(|row| row.fact_type.kind != kind) {
            return Ok(TypePut::NotFound);
        }
        let instead = builtin().iter().find(|(fact_type, _)| fact_type.kind == kind);
        let instead = instead.map(|(fact_type, _)| FactType::clone(fact_type));
        let broken = self.broken_by(project_id, kind, instead).await?;
        if !broken.is_empty() {
            return Ok(TypePut::Breaks(broken));
        }
        self.0.store.delete_fact_type(project_id, kind).await?;
        self.reload(project_id).await?;
        Ok(TypePut::Done(Upserted::Updated))
    }

    /// Triggers that fit their types now and would not any more.
    async fn broken_by(
        &self,
        project_id: ProjectId,
        kind: &str,
        instead: Option<FactType>,
    ) -> Result<Vec<(String, Vec<TriggerError>)>, PipelineError> {
        let catalogue = self.catalogue(project_id).await?;
        let mut types = catalogue.fact_types.clone();
        match instead {
            Some(fact_type) => types.insert(kind.to_owned(), Arc::new(fact_type)),
            None => types.remove(kind),
        };
        Ok(catalogue
            .triggers
            .iter()
            .filter_map(|trigger| {
                let errors = errors_with(trigger, &types)?;
                let fits_now = errors_with(trigger, &catalogue.fact_types).is_none();
                fits_now.then(|| (trigger.sentence.name.clone(), errors))
            })
            .collect())
    }
}

fn errors_with(trigger: &CompiledTrigger, types: &HashMap<String, Arc<FactType>>) -> Option<Vec<TriggerError>> {
    let around = Around {
        fact_types: Some(types),
        journey: trigger.journey.as_ref(),
    };
    CompiledTrigger::compile_in(trigger.id, trigger.revision, trigger.sentence.clone(), around).err()
}
