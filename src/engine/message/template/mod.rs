//! Templates.
use serde_json::{Map, Value};
#[derive(Debug, Clone)]
pub struct Template;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct TemplateError;
#[derive(Debug, thiserror::Error)]
pub enum RenderError { #[error("m")] Missing(String), #[error("f")] Fuel, #[error("l")] TooLong, #[error("f")] Failed(String) }
impl Template {
    pub fn compile(_source: &str) -> Result<Template, TemplateError> { Ok(Self) }
    pub fn variables(&self) -> &[String] { &[] }
    pub fn render(&self, _scene: &Map<String, Value>) -> Result<String, RenderError> { Ok(String::new()) }
}
pub fn is_missing(v: Option<&Value>) -> bool { v.is_none() }
pub fn lookup<'a>(scene: &'a Map<String, Value>, path: &str) -> Option<&'a Value> { scene.get(path) }
pub fn with_value(_scene: &mut Map<String, Value>, _path: &str, _v: Value) {}
