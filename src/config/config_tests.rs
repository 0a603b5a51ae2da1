//! The defaults are complete, stronger layers win, and nothing unknown or secret slips through.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

fn told(text: &str, environment: &[(&str, &str)]) -> Result<Effective, ConfigError> {
    let variables = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (settings, merged) = assemble("usher.toml", text, variables)?;
    Ok(Effective {
        settings,
        file: None,
        merged,
    })
}

fn refusal(text: &str, environment: &[(&str, &str)]) -> String {
    told(text, environment).unwrap_err().to_string()
}

#[test]
fn the_manual_holds_the_defaults_of_every_module() {
    let settings = told("", &[]).unwrap().settings;
    assert_eq!(settings.database, store::Settings::default());
    assert_eq!(settings.vault, store::VaultSettings::default());
    assert_eq!(settings.pipeline, pipeline::Settings::default());
    assert_eq!(settings.channels, channel::Settings::default());
    assert_eq!(settings.retention, store::Retention::default());
    assert_eq!(settings.links, wallet::LinkSettings::default());
    assert_eq!(settings.wallet, wallet::Settings::default());
    assert_eq!(settings.rates, api::Rates::default());
    assert_eq!(settings.log, telemetry::log::Settings::default());
    assert_eq!(settings.server.bind.to_string(), "127.0.0.1:8787");
    // Every key there is stands in the manual: what serializes must be found there, except for what is not set.
    let all = Table::try_from(&settings).unwrap();
    layer::refuse_unknown("manual", &layer::parse("", DEFAULTS).unwrap(), &all, "").unwrap();
}

#[test]
fn the_file_goes_over_the_defaults_and_the_environment_over_both() {
    let file = "[server]\nbind = \"127.0.0.1:1\"\nworkers = 3\n[log]\nformat = \"json\"";
    let environment = [
        ("USHER__SERVER__BIND", "127.0.0.1:2"),
        ("USHER__INGEST__OSMAND_QUERY", "true"),
        ("HOME", "/root"),
    ];
    let settings = told(file, &environment).unwrap().settings;
    assert_eq!(settings.server.bind.to_string(), "127.0.0.1:2");
    assert_eq!((settings.server.workers, settings.server.shutdown_s), (3, 5));
    assert!(settings.ingest.osmand_query);
    assert_eq!(settings.log.format, telemetry::log::Format::Json);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    assert_eq!(
        refusal("[server]\nbnid = \"x\"", &[]),
        "usher.toml: unknown key `server.bnid`; did you mean `server.bind`?"
    );
    assert_eq!(
        refusal("[sever]", &[]),
        "usher.toml: unknown key `sever`; did you mean `server`?"
    );
    assert_eq!(
        refusal("", &[("USHER__DATABASE__ULR", "x")]),
        "USHER__DATABASE__ULR: unknown key `database.ulr`; did you mean `database.url`?"
    );
    let far = refusal("[channels.fcm]\nquite_something_else = 1", &[]);
    assert!(
        far.ends_with("known here: endpoint, messages_per_min, service_account, service_account_file, timeout_s"),
        "{far}"
    );
    assert!(refusal("log = 1", &[]).contains("`log` is a section"));
    assert!(refusal("", &[("USHER__LOG", "debug")]).contains("`log` is a section"));
}

#[test]
fn a_value_that_does_not_fit_is_refused_with_its_place() {
    assert!(refusal("[server]\nbind = \"nowhere\"", &[]).contains("`server.bind`"));
    assert!(refusal("[log]\nformat = \"xml\"", &[]).contains("`log.format`"));
    assert_eq!(
        refusal("", &[("USHER__SERVER__WORKERS", "many")]),
        "USHER__SERVER__WORKERS: `many` is not a whole number"
    );
    assert!(refusal("[server", &[]).contains("is not TOML"));
}

#[test]
fn a_secret_can_stand_in_a_file_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, "postgres://usher:hunter2@db/usher\n").unwrap();
    let path = path.display().to_string();
    let text =
        format!("[database]\nurl_file = {path:?}\n[channels.fcm]\nservice_account = '{{\"private_key\": \"x\"}}'");
    let effective = told(&text, &[]).unwrap();
    assert_eq!(effective.settings.database.url, "postgres://usher:hunter2@db/usher");
    let shown = effective.masked();
    assert!(shown.contains("postgres://usher:(hidden)@db/usher"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("private_key"), "{shown}");
    let by_variable = told("", &[("USHER__DATABASE__URL_FILE", path.as_str())]).unwrap();
    assert_eq!(by_variable.settings.database.url, effective.settings.database.url);
    assert!(refusal(&format!("{text}\n[database2]"), &[]).contains("unknown key `database2`"));
    assert!(refusal("[database]\nurl = \"a\"\nurl_file = \"b\"", &[]).contains("both set"));
}

#[test]
fn a_list_in_the_environment_is_written_with_commas_and_no_secret_of_a_channel_is_shown() {
    let environment = [
        ("USHER__CHANNELS__OUTSIDE__ALLOW", "10.1.0.0/16, 127.0.0.0/8,"),
        ("USHER__CHANNELS__SMS__AUTH_TOKEN", "canary-1"),
        ("USHER__CHANNELS__EMAIL__PASSWORD", "canary-2"),
    ];
    let effective = told("", &environment).unwrap();
    let allow = &effective.settings.channels.outside.allow;
    assert_eq!(*allow, ["10.1.0.0/16", "127.0.0.0/8"]);
    let shown = effective.masked();
    assert!(!shown.contains("canary") && shown.contains("(hidden)"), "{shown}");
}
