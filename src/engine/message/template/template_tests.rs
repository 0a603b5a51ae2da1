//! What templates accept, refuse, and render.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn scene() -> Map<String, Value> {
    let scene = json!({
        "user": { "first_name": "Ana", "time_zone": "America/New_York", "nickname": null, "blank": "  " },
        "stay": { "room": "1204", "nights": 3, "guests": ["Ana", "Ben"], "arrives_at": "2026-05-04T14:05:00+02:00" },
        "flight": { "departs_at": "2026-05-04T15:10:00Z", "gates": [{ "name": "B1" }, { "name": "B2" }] },
    });
    scene.as_object().unwrap().clone()
}

fn compiled(source: &str) -> Template {
    Template::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn rendered(source: &str) -> Result<String, RenderError> {
    compiled(source).render(&scene())
}

fn refusal(source: &str) -> TemplateError {
    match Template::compile(source) {
        Err(error) => error,
        Ok(_) => panic!("accepted: {source}"),
    }
}

#[test]
fn texts_are_rendered() {
    for (source, expected) in [
        ("Room {{ stay.room }} is ready", "Room 1204 is ready"),
        (
            "{%- if stay.nights > 2 -%} long {%- else -%} short {%- endif -%}",
            "long",
        ),
        (
            "{% for g in stay.guests %}{{ loop.index }}:{{ g }} {% endfor %}",
            "1:Ana 2:Ben ",
        ),
        (
            "{% for g in flight.gates %}{{ g.name | lower }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "b1, b2",
        ),
        ("{# why #}{{ stay.guests | join(' & ') }}", "Ana & Ben"),
        (
            "{{ user.first_name | default('guest') }} {{ user.absent | default('guest') }}",
            "Ana guest",
        ),
        (
            "{{ user.nickname | default('guest') }}{{ user.blank | default('!') }}",
            "guest!",
        ),
        ("{{ order.id | default('none yet') }}", "none yet"),
        ("{{ stay.nights | plural('one night', '%d nights') }}", "3 nights"),
        ("{{ 1 | plural('one night', '%d nights') }}", "one night"),
        ("{{ stay.room | replace('1', 'I') | length }}", "4"),
        (
            "{{ stay.room is defined }} {{ user.absent is defined }} {{ stay.nights is odd }}",
            "true false true",
        ),
        (
            "{{ stay.guests | first | upper }} {{ -2 | abs }} {{ 2.6 | round | int }}",
            "ANA 2 3",
        ),
        ("{{ '{{' }} {{ \"%}\" }}", "{{ %}"),
        ("{{ (stay.nights) }} {{ stay.guests[0] }}", "3 Ana"),
    ] {
        assert_eq!(rendered(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn times_are_shown_where_the_reader_is() {
    for (source, expected) in [
        ("{{ flight.departs_at | time('Europe/Vienna') }}", "17:10"),
        ("{{ flight.departs_at | time }}", "11:10"),
        ("{{ stay.arrives_at | time }}", "14:05"),
        ("{{ stay.arrives_at | date }}", "2026-05-04"),
        ("{{ stay.arrives_at | date('%-d %b') }}", "4 May"),
        (
            "{{ flight.departs_at | date('%d.%m. %H:%M', 'Asia/Tokyo') }}",
            "05.05. 00:10",
        ),
    ] {
        assert_eq!(rendered(source).as_deref(), Ok(expected), "{source}");
    }
    let template = compiled("{{ flight.departs_at | time }}");
    assert_eq!(template.variables(), ["flight.departs_at"]);
    let mut nowhere = scene();
    nowhere.remove("user");
    assert_eq!(template.render(&nowhere).as_deref(), Ok("15:10"));
    assert!(matches!(
        rendered("{{ stay.room | time }}"),
        Err(RenderError::Failed(_))
    ));
}

#[test]
fn what_is_missing_can_be_seen_before_and_is_named_after() {
    let template = compiled("{{ user.first_name }}, your room is {{ stay.room }}");
    assert_eq!(template.variables(), ["stay.room", "user.first_name"]);
    let mut scene = scene();
    with_value(&mut scene, "stay.room", json!(""));
    let missing: Vec<_> = template
        .variables()
        .iter()
        .filter(|path| is_missing(lookup(&scene, path.as_str())))
        .collect();
    assert_eq!(missing, ["stay.room"]);
    scene.remove("stay");
    assert_eq!(
        template.render(&scene),
        Err(RenderError::Missing("stay.room".to_owned()))
    );
    with_value(&mut scene, "stay.room", Value::Null);
    assert_eq!(
        template.render(&scene),
        Err(RenderError::Missing("stay.room".to_owned()))
    );
    with_value(&mut scene, "stay.room", json!("at the desk"));
    assert_eq!(template.render(&scene).as_deref(), Ok("Ana, your room is at the desk"));
}

#[test]
fn an_empty_name_gives_a_plain_welcome() {
    let template = compiled("Welcome{% if user.first_name %}, {{ user.first_name }}{% endif %}");
    let mut scene = scene();
    assert_eq!(template.render(&scene).as_deref(), Ok("Welcome, Ana"));
    with_value(&mut scene, "user.first_name", json!(""));
    assert_eq!(template.render(&scene).as_deref(), Ok("Welcome"));
    with_value(&mut scene, "user.first_name", Value::Null);
    assert_eq!(template.render(&scene).as_deref(), Ok("Welcome"));
}

#[test]
fn paths_are_read_and_filled() {
    let mut scene = scene();
    assert_eq!(lookup(&scene, "flight.gates.1.name"), Some(&json!("B2")));
    assert_eq!(lookup(&scene, "flight.gates.x"), None);
    assert_eq!(lookup(&scene, "stay.room.number"), None);
    with_value(&mut scene, "user.nickname.short", json!("A"));
    with_value(&mut scene, "order", json!(1));
    assert_eq!(lookup(&scene, "user.nickname.short"), Some(&json!("A")));
    assert_eq!(lookup(&scene, "order"), Some(&json!(1)));
    for (value, expected) in [
        (json!(null), true),
        (json!(" \n"), true),
        (json!("a"), false),
        (json!(0), false),
        (json!([]), false),
    ] {
        assert_eq!(is_missing(Some(&value)), expected, "{value}");
    }
    assert!(is_missing(None));
}

#[test]
fn values_are_never_templates() {
    let naughty: Vec<String> = serde_json::from_str(include_str!("../../../../tests/data/fuzz/blns.json")).unwrap();
    assert_eq!(naughty.len(), 515);
    let hostile = [
        "{{7*7}}",
        "{% for i in [1] %}x{% endfor %}",
        "{{ stay.room }}",
        "{# gone #}",
        "{% include 'x' %}",
    ];
    let template = compiled("<{{ user.first_name }}>");
    for value in naughty.iter().map(String::as_str).chain(hostile) {
        let mut scene = scene();
        with_value(&mut scene, "user.first_name", json!(value));
        let clean: String = value
            .chars()
            .filter(|letter| !is_control(*letter) && !turns_text(*letter))
            .collect();
        assert_eq!(template.render(&scene), Ok(format!("<{clean}>")), "{value:?}");
    }
}

#[test]
fn control_characters_and_direction_marks_do_not_come_out_of_values() {
    let mut scene = scene();
    with_value(
        &mut scene,
        "user.first_name",
        json!("A\u{0}n\u{1b}a\u{202e}\n\u{2067}b\u{85}\u{7f}"),
    );
    let template = compiled("\u{2068}{{ user.first_name }}\u{2069}\t!");
    assert_eq!(template.render(&scene).as_deref(), Ok("\u{2068}Ana\nb\u{2069}!"));
}

/// A text, and the code, position and hint it is refused with.
type Refusal = (&'static str, TemplateCode, usize, Option<&'static str>);

const REFUSALS: &[Refusal] = &[
    ("{% include 'x' %}", TemplateCode::UnknownTag, 3, None),
    ("{% set a = 'x' %}", TemplateCode::UnknownTag, 3, None),
    ("{% macro a() %}{% endmacro %}", TemplateCode::UnknownTag, 3, None),
    ("{% raw %}{% endraw %}", TemplateCode::UnknownTag, 3, None),
    (
        "{% extends 'x' %}{% import 'x' as y %}{% call x() %}",
        TemplateCode::UnknownTag,
        3,
        None,
    ),
    (
        "{% with a = stay.room %}{% endwith %}",
        TemplateCode::UnknownTag,
        3,
        None,
    ),
    (
        "ö {{ stay.room | uper }}",
        TemplateCode::UnknownFilter,
        17,
        Some("did you mean `upper`?"),
    ),
    (
        "{{ stay.room | center(1000000) }}",
        TemplateCode::UnknownFilter,
        15,
        None,
    ),
    ("{{ stay | indent(9) }}", TemplateCode::UnknownFilter, 10, None),
    (
        "{{ stay.room is defind }}",
        TemplateCode::UnknownTest,
        16,
        Some("did you mean `defined`?"),
    ),
    ("{{ stay.room is not string }}", TemplateCode::UnknownTest, 20, None),
    ("{{ range(9) }}", TemplateCode::FunctionRefused, 8, None),
    ("{{ stay.room.upper() }}", TemplateCode::FunctionRefused, 18, None),
    ("{{ loop.cycle('a') }}", TemplateCode::FunctionRefused, 13, None),
    ("{{ 'x'('y') }}", TemplateCode::FunctionRefused, 6, None),
    ("{{ stay.room * 9 }}", TemplateCode::OperatorRefused, 13, None),
    ("{{ stay.room ~ stay.room }}", TemplateCode::OperatorRefused, 13, None),
    ("{{ {'a': 1} }}", TemplateCode::OperatorRefused, 3, None),
    ("{{ stay.room[0:2] }}", TemplateCode::OperatorRefused, 14, None),
    (
        "{{ flight.departs_at | time('Wien') }}",
        TemplateCode::BadArgument,
        28,
        None,
    ),
    (
        "{{ flight.departs_at | date('%c') }}",
        TemplateCode::BadArgument,
        28,
        None,
    ),
    (
        "{{ flight.departs_at | date('%d', 'Wien') }}",
        TemplateCode::BadArgument,
        34,
        None,
    ),
    (
        "{% for a in b recursive %}{% endfor %}",
        TemplateCode::LoopsTooDeep,
        14,
        None,
    ),
    ("one\n{{ stay. }}", TemplateCode::Syntax, 4, None),
    ("{% if stay.room %}", TemplateCode::Syntax, 0, None),
    ("{{ stay.room ", TemplateCode::Syntax, 0, None),
    ("{% %}", TemplateCode::UnknownTag, 0, None),
];

#[test]
fn refusals_say_what_where_and_what_instead() {
    for (source, code, position, hint) in REFUSALS {
        let error = refusal(source);
        assert_eq!((error.code, error.position), (*code, *position), "{source}: {error}");
        if hint.is_some() {
            assert_eq!(error.hint.as_deref(), *hint, "{source}");
        }
    }
    assert_eq!(refusal("a\nb {{ a | x }}").line, 2);
    assert_eq!(refusal(&"x".repeat(2_001)).code, TemplateCode::TooLong);
    let names: BTreeSet<_> = TemplateCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), TemplateCode::ALL.len());
}

#[test]
fn bombs_do_not_go_off() {
    let loops = "{% for a in l %}{% for b in l %}{{ a }}{% endfor %}{% endfor %}";
    let deep = format!("{}{}", "{% for a in l %}".repeat(3), "{% endfor %}".repeat(3));
    assert_eq!(refusal(&deep).code, TemplateCode::LoopsTooDeep);
    let mut scene = scene();
    with_value(&mut scene, "l", json!(vec![""; 1_000]));
    assert_eq!(compiled(loops).render(&scene), Err(RenderError::Fuel));
    with_value(&mut scene, "l", json!(vec!["x".repeat(100); 100]));
    assert_eq!(compiled(loops).render(&scene), Err(RenderError::TooLong));
    with_value(&mut scene, "s", json!("x".repeat(3_000)));
    assert_eq!(
        compiled("{{ s }}").render(&scene),
        Err(RenderError::TooLong),
        "between 1,000 characters and 4,000 bytes"
    );
    assert!(matches!(
        compiled("{{ s | replace('x', s) }}").render(&scene),
        Err(RenderError::Failed(_))
    ));
    assert!(matches!(
        compiled("{{ [s, s] | join }}").render(&scene),
        Err(RenderError::Failed(_))
    ));
    assert!(matches!(
        compiled("{{ s | replace('', 'y') }}").render(&scene),
        Err(RenderError::Failed(_))
    ));
    for nested in ["(", "[", "not ", "-", "1|abs|"] {
        let source = |times: usize| format!("{{{{ {}1 }}}}", nested.repeat(times));
        assert_eq!(
            refusal(&source(1_900 / nested.len())).code,
            TemplateCode::TagTooLong,
            "{nested}"
        );
        let _ = Template::compile(&source(90)).map(|template| template.render(&scene));
    }
    let ifs = format!("{}x{}", "{% if s %}".repeat(70), "{% endif %}".repeat(70));
    assert_eq!(compiled(&ifs).render(&scene).as_deref(), Ok("x"));
}

/// What a text reads decides what may be read by a push provider: no way of writing may hide a path.
#[test]
fn no_way_of_writing_hides_what_is_read() {
    for source in [
        "{{ stay.room }}",
        "{{ stay['room'] }}",
        "{{ stay[user.key] }}",
        "{% for s in [stay] %}{{ s.room }}{% endfor %}",
        "{% for stay in [stay] %}{{ stay.room }}{% endfor %}",
        "{{ ([stay] | first).room }}",
        "{{ (stay).room }}",
        "{% if user.vip %}{{ stay.room }}{% endif %}",
        "{{ user.name | default(stay.room) }}",
        "{{ [stay][0].room }}",
    ] {
        let template = compiled(source);
        let reads = |path: &String| path == "stay" || path == "stay.room";
        assert!(
            template.variables().iter().any(reads),
            "{source}: {:?}",
            template.variables()
        );
    }
}

#[test]
fn objects_are_not_shown() {
    assert!(matches!(rendered("{{ stay }}"), Err(RenderError::Failed(why)) if why.contains("fields")));
    assert!(matches!(rendered("{{ stay.guests }}"), Err(RenderError::Failed(_))));
}

#[test]
fn templates_travel_between_threads() {
    fn travels<T: Send + Sync + Clone>(_: &T) {}
    travels(&compiled("x"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", tag in "\\PC{0,30}") {
        for source in [text.clone(), format!("{{{{{tag}}}}}"), format!("{{%{tag}%}}{text}")] {
            let _ = Template::compile(&source).map(|template| template.render(&scene()));
        }
    }

    #[test]
    fn no_soup_of_tokens_makes_it_panic(tokens in proptest::collection::vec(proptest::sample::select(vec![
        "{{", "}}", "{%", "%}", "{#", "#}", " ", "-", "stay", ".", "room", "|", "upper", "(", ")", "[", "]", "'", "\"", "\\",
        "if", "endif", "for", "in", "endfor", "is", "not", "defined", "1", "2.5", ",", ":", "==", "/", "ö", "\n", "default",
        "time", "date", "%d", "plural", "loop",
    ]), 0..40)) {
        let _ = Template::compile(&tokens.concat()).map(|template| template.render(&scene()));
    }
}
