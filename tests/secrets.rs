//! Tests that secrets of the environment and of the upstream never reach the evidence.

use spanproof::judge;

use crate::world::healthy;

/// An upstream whose answer contains a URL with a password, a secret of the service's environment,
/// and strings that look like secrets.
const BEHAVIOUR: &str = r#"
about = "An answer full of secrets."

[[reply]]
method = "POST"
path = "/inference"
json = '''
{
  "success": true, "error": null, "provider_used": "modal", "inference_time": 0.2,
  "response": "see https://bob:swordfish@host/x; hunter3 rules; password='x swordfish'; {\"api_key\":\"swordfish\"}",
  "metadata": { "region": "{request:/region_preference}", "model": "{request:/model}", "api-key": "swordfish" }
}'''
"#;

#[tokio::test]
async fn secrets_of_the_environment_and_of_answers_are_masked() {
    let folder = tempfile::tempdir().unwrap();
    let behaviour = folder.path().join("secrets.toml");
    std::fs::write(&behaviour, BEHAVIOUR).unwrap();
    let world = healthy().await;
    let trial = world
        .trial()
        .flag("ENABLE_DB_TRACING", "true")
        .env("DATABASE_URL", "{database.url}&password=hunter2")
        .env("ADMIN_TOKEN", "hunter3")
        .upstream_file(&behaviour)
        .job("one-unit");
    let observation = trial.run().await.unwrap();
    let stored = spanproof::write_evidence(folder.path(), &observation).unwrap();
    let mut texts = vec![format!("{observation:?}")];
    for entry in std::fs::read_dir(&stored).unwrap() {
        texts.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let row = observation.tables.units.all()[0]["output"].to_string();
    assert!(row.contains("rules"), "the row does not contain the answer: {row}");
    for text in &texts {
        for secret in ["hunter2", "hunter3", "swordfish"] {
            assert!(!text.contains(secret), "the evidence contains {secret}: {text}");
        }
    }
    judge(world.spec(), &observation).passed().unwrap();
}
