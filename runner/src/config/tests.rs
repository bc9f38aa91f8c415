//! Tests of each flag's values.

use rstest::rstest;

use super::*;

fn read(flags: &[(&str, &str)]) -> Config {
    let all = [&[("DATABASE_URL", "postgres://u:p@h/d")], flags].concat();
    Config::read(|name| {
        all.iter().rev().find(|(flag, _)| *flag == name).map(|(_, value)| (*value).to_owned())
    })
}

/// Returns the line printed for a flag.
fn line(config: &Config, name: &str) -> String {
    let setting = config.settings.iter().find(|setting| setting.name == name);
    setting.map(ToString::to_string).unwrap_or_default()
}

#[rstest]
#[case("true", true, "enabled source=environment")]
#[case("TRUE", false, "disabled source=unrecognised (only `true` counts)")]
#[case("1", false, "disabled source=unrecognised (only `true` counts)")]
#[case("true ", false, "disabled source=unrecognised (only `true` counts)")]
#[case("\"true\"", false, "disabled source=unrecognised (only `true` counts)")]
#[case("false", false, "disabled source=environment")]
#[case("", false, "disabled source=default")]
fn tracing_is_enabled_only_by_the_exact_text_true(
    #[case] raw: &str,
    #[case] on: bool,
    #[case] suffix: &str,
) {
    let config = read(&[("ENABLE_DB_TRACING", raw)]);
    assert_eq!(config.tracing, Switch { raw: Some(raw.into()), on });
    let expected = format!("config: ENABLE_DB_TRACING={raw:?} effective={suffix}");
    assert_eq!(line(&config, "ENABLE_DB_TRACING"), expected);
}

#[test]
fn an_unset_flag_is_printed_as_unset() {
    let line = line(&read(&[]), "ENABLE_DB_TRACING");
    assert_eq!(line, "config: ENABLE_DB_TRACING=unset effective=disabled source=default");
}

#[rstest]
#[case(&[], RouterChoice::NotConfigured)]
#[case(&[("HYBRID_BASE", "http://a//")], RouterChoice::BaseUrl("http://a".into()))]
#[case(&[("HYBRID_BASE", "")], RouterChoice::NotConfigured)]
#[case(&[("HYBRID_ROUTER_URL", "http://b/x/")], RouterChoice::BaseUrl("http://b/x".into()))]
#[case(&[("HYBRID_BASE", "http://a"), ("HYBRID_ROUTER_URL", "http://b")], RouterChoice::BaseUrl("http://a".into()))]
#[case(&[("HYBRID_BASE", "http://a"), ("HYBRID_ROUTER_DISABLE", "true")], RouterChoice::Disabled)]
#[case(&[("HYBRID_BASE", "http://a"), ("HYBRID_ROUTER_DISABLE", "1")], RouterChoice::BaseUrl("http://a".into()))]
#[case(&[("ENABLE_HYBRID_DEFAULT", "1")], RouterChoice::BaseUrl("http://127.0.0.1:8000".into()))]
#[case(&[("ENABLE_HYBRID_DEFAULT", "true")], RouterChoice::NotConfigured)]
fn four_flags_choose_the_router(#[case] flags: &[(&str, &str)], #[case] expected: RouterChoice) {
    let config = read(flags);
    assert_eq!(config.router, expected);
    assert_eq!(config.errors, []);
}

#[rstest]
#[case("ftp://a")]
#[case("a:8000")]
#[case("not a url")]
#[case("http://a/?x=1")]
fn rejects_a_router_url_that_is_not_a_base_url(#[case] base: &str) {
    for flag in ["HYBRID_BASE", "HYBRID_ROUTER_URL"] {
        let config = read(&[(flag, base)]);
        assert_eq!(config.errors.len(), 1, "{flag}={base}");
        assert_eq!(config.errors[0].flag, flag);
    }
}

#[rstest]
#[case(&[], 300, "unset effective=300s source=default")]
#[case(&[("HYBRID_TIMEOUT", "7")], 7, "unset effective=7s source=HYBRID_TIMEOUT")]
#[case(&[("HYBRID_ROUTER_TIMEOUT", "5"), ("HYBRID_TIMEOUT", "7")], 5, "\"5\" effective=5s source=environment")]
#[case(&[("HYBRID_ROUTER_TIMEOUT", "5m"), ("HYBRID_TIMEOUT", "7")], 7,
    "\"5m\" effective=7s source=invalid (not a positive whole number of seconds)")]
#[case(&[("HYBRID_ROUTER_TIMEOUT", "0")], 300,
    "\"0\" effective=300s source=invalid (not a positive whole number of seconds)")]
fn without_a_valid_timeout_in_the_first_flag_the_second_flag_or_the_default_is_used(
    #[case] flags: &[(&str, &str)],
    #[case] seconds: u64,
    #[case] suffix: &str,
) {
    let config = read(flags);
    assert_eq!(config.router_timeout, Duration::from_secs(seconds));
    let expected = format!("config: HYBRID_ROUTER_TIMEOUT={suffix}");
    assert_eq!(line(&config, "HYBRID_ROUTER_TIMEOUT"), expected);
}

#[rstest]
#[case("9000", "0.0.0.0:9000")]
#[case(":0", "0.0.0.0:0")]
#[case("127.0.0.1:9000", "127.0.0.1:9000")]
#[case("[::1]:9000", "[::1]:9000")]
#[case("", "0.0.0.0:8090")]
fn the_host_of_the_listen_address_is_optional(#[case] raw: &str, #[case] address: &str) {
    assert_eq!(read(&[("HTTP_PORT", raw)]).listen, address);
}

#[test]
fn rejects_a_port_out_of_range() {
    let error = read(&[("HTTP_PORT", "70000")]).errors.remove(0).to_string();
    assert!(error.starts_with("HTTP_PORT is not"), "{error}");
}

#[rstest]
#[case("warning", LogLevel::Warn, "effective=warn source=environment")]
#[case("debug", LogLevel::Debug, "effective=debug source=environment")]
#[case("loud", LogLevel::Info, "effective=info source=invalid (not debug, info, warn or error)")]
fn an_unknown_log_level_means_info(
    #[case] raw: &str,
    #[case] level: LogLevel,
    #[case] suffix: &str,
) {
    let config = read(&[("LOG_LEVEL", raw)]);
    assert_eq!(config.log_level, level);
    assert_eq!(line(&config, "LOG_LEVEL"), format!("config: LOG_LEVEL={raw:?} {suffix}"));
}

#[test]
fn the_database_url_is_required_and_its_password_is_masked() {
    let config = read(&[]);
    let expected = "config: DATABASE_URL=\"postgres://u:***@h/d\" effective=postgres://u:***@h/d \
                    source=environment";
    assert_eq!(line(&config, "DATABASE_URL"), expected);
    assert_eq!(format!("{:?}", config.database_url), "DatabaseUrl(postgres://u:***@h/d)");
    let error = Config::read(|_| None).errors.remove(0).to_string();
    assert_eq!(error, "DATABASE_URL is not set: the runner needs a Postgres database");
    let error = read(&[("DATABASE_URL", "mysql://u:p@h/d")]).errors.remove(0).to_string();
    assert_eq!(error, "DATABASE_URL is not a Postgres URL: `mysql://u:***@h/d`");
}

#[test]
fn settings_are_printed_in_a_fixed_order() {
    let names: Vec<_> = read(&[]).settings.iter().map(|setting| setting.name).collect();
    assert_eq!(
        names,
        [
            "ENABLE_DB_TRACING",
            "HYBRID_BASE",
            "HYBRID_ROUTER_URL",
            "HYBRID_ROUTER_DISABLE",
            "ENABLE_HYBRID_DEFAULT",
            "HYBRID_ROUTER_TIMEOUT",
            "HYBRID_TIMEOUT",
            "HTTP_PORT",
            "LOG_LEVEL",
            "DATABASE_URL",
        ]
    );
}
