//! 100 tests of one query each. Nextest runs each test in a separate process. The benchmark sets
//! `BENCH_MIGRATIONS`, the folder of the migrations, and `BENCH_IDENTITIES`, the file to which each
//! test appends a line that identifies its server and database.

use std::io::Write;

use anyhow::{Result, ensure};
use spanproof_postgres::Database;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

/// Returns the number of currencies, which a migration inserted, and a string that identifies server
/// and database.
const QUERY: &str = "select (select count(*) from currencies), \
    concat_ws(' ', current_setting('data_directory'), pg_postmaster_start_time(), current_database())";

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() -> Result<()> {
            test().await
        })*
    };
}

/// Runs the query in a migrated database.
async fn test() -> Result<()> {
    let migrations = std::env::var("BENCH_MIGRATIONS");
    let migrations =
        migrations.unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations").into());
    let database = Database::migrated(migrations).await?;
    let mut connection = PgConnection::connect(database.url()).await?;
    let (currencies, identity): (i64, String) =
        sqlx::query_as(QUERY).fetch_one(&mut connection).await?;
    ensure!(currencies == 7, "expected 7 currencies, found {currencies}");
    connection.close().await?;
    if let Ok(identities) = std::env::var("BENCH_IDENTITIES") {
        let mut file = std::fs::File::options().create(true).append(true).open(identities)?;
        // One write, so that lines of concurrent tests never mix.
        file.write_all(format!("{identity}\n").as_bytes())?;
    }
    database.close().await?;
    Ok(())
}

tests! {
    t00 t01 t02 t03 t04 t05 t06 t07 t08 t09
    t10 t11 t12 t13 t14 t15 t16 t17 t18 t19
    t20 t21 t22 t23 t24 t25 t26 t27 t28 t29
    t30 t31 t32 t33 t34 t35 t36 t37 t38 t39
    t40 t41 t42 t43 t44 t45 t46 t47 t48 t49
    t50 t51 t52 t53 t54 t55 t56 t57 t58 t59
    t60 t61 t62 t63 t64 t65 t66 t67 t68 t69
    t70 t71 t72 t73 t74 t75 t76 t77 t78 t79
    t80 t81 t82 t83 t84 t85 t86 t87 t88 t89
    t90 t91 t92 t93 t94 t95 t96 t97 t98 t99
}
