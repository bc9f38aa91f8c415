//! No secret of a case reaches its evidence, whichever way it takes.

use spanproof::judge;

use crate::world::healthy;

/// What the upstream answers: a URL with a password, a token the environment has, and shapes.
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
async fn no_secret_of_the_environment_or_of_an_answer_reaches_the_evidence() {
    let folder = std::env::temp_dir().join(format!("spanproof-secrets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let behaviour = folder.join("secrets.toml");
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
    let stored = spanproof::write_evidence(&folder, &observation).unwrap();
    let mut all = vec![format!("{observation:?}")];
    for entry in std::fs::read_dir(&stored).unwrap() {
        all.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let row = observation.tables.units.all()[0]["output"].to_string();
    assert!(row.contains("rules"), "the answer is in the row: {row}");
    for text in &all {
        for secret in ["hunter2", "hunter3", "swordfish"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    judge(world.spec(), &observation).passed().unwrap();
}
