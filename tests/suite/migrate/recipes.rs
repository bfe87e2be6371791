//! The command line of each tool, as its users would write it into the docker label, word by word as ECS is given it.

use lab::ecs::{Command, Job};
use serde_json::json;

use super::scene::{ON_SHOP_DB, Scene};

/// A push to a service with these labels is migrated by exactly these commands, and rolled.
async fn recipe(migrate: (&str, &[&str]), plan: Option<(&str, &[&str])>) {
    let mut scene = Scene::new();
    // Only these words do anything: others would run until the timeout.
    scene.account.script_command(Command::exactly(migrate.1), Job::migrates(&scene.schema));
    let mut labels = vec![("steward.migrate", migrate.0), ("steward.migrate-timeout", "2")];
    if let Some((label, words)) = plan {
        labels.push(("steward.migrate-plan", label));
        scene.account.script_command(Command::exactly(words), Job::plans(&scene.schema));
    }
    scene.service("api", &labels, &[ON_SHOP_DB]).await;
    let new = scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![new], 2), "{}", migrate.0);
    let commands: Vec<_> = scene
        .inputs("RunTask")
        .into_iter()
        .map(|input| input["overrides"]["containerOverrides"][0]["command"].clone())
        .collect();
    let expected = match plan {
        Some((_, plan)) => vec![json!(plan), json!(migrate.1), json!(plan)],
        None => vec![json!(migrate.1)],
    };
    assert_eq!(commands, expected);
}

#[tokio::test]
async fn ecto_release() {
    recipe((r#"bin/shop eval "Shop.Release.migrate()""#, &["bin/shop", "eval", "Shop.Release.migrate()"]), None).await;
    recipe(
        (r#"["bin/shop", "eval", "Shop.Release.migrate()"]"#, &["bin/shop", "eval", "Shop.Release.migrate()"]),
        None,
    )
    .await;
    let pending = r"bin/shop eval 'System.halt(Shop.Release.pending())'";
    let words: &[&str] = &["bin/shop", "eval", "System.halt(Shop.Release.pending())"];
    recipe(("bin/migrate up --all", &["bin/migrate", "up", "--all"]), Some((pending, words))).await;
}

#[tokio::test]
async fn prisma() {
    recipe(("npx prisma migrate deploy", &["npx", "prisma", "migrate", "deploy"]), None).await;
    let status = r#"["sh", "-c", "npx prisma migrate status || exit 10"]"#;
    let words: &[&str] = &["sh", "-c", "npx prisma migrate status || exit 10"];
    let migrate: &[&str] = &["npx", "prisma", "migrate", "deploy", "--schema", "prisma/schema.prisma"];
    recipe(("npx prisma migrate deploy --schema prisma/schema.prisma", migrate), Some((status, words))).await;
}

#[tokio::test]
async fn alembic() {
    recipe(("alembic upgrade head", &["alembic", "upgrade", "head"]), None).await;
    let words: &[&str] = &["sh", "-c", "alembic check || exit 10"];
    recipe(
        ("alembic -x tenant='main shop' upgrade head", &["alembic", "-x", "tenant=main shop", "upgrade", "head"]),
        Some((r#"sh -c "alembic check || exit 10""#, words)),
    )
    .await;
}

#[tokio::test]
async fn django() {
    recipe(("python manage.py migrate --noinput", &["python", "manage.py", "migrate", "--noinput"]), None).await;
    let words: &[&str] = &["sh", "-c", "python manage.py migrate --check || exit 10"];
    recipe(
        ("python manage.py migrate --no-input", &["python", "manage.py", "migrate", "--no-input"]),
        Some((r#"["sh","-c","python manage.py migrate --check || exit 10"]"#, words)),
    )
    .await;
}

#[tokio::test]
async fn rails() {
    recipe(("bundle exec rails db:migrate", &["bundle", "exec", "rails", "db:migrate"]), None).await;
    let words: &[&str] = &["sh", "-c", "bin/rails db:abort_if_pending_migrations || exit 10"];
    recipe(
        ("bin/rails db:migrate RAILS_ENV=production", &["bin/rails", "db:migrate", "RAILS_ENV=production"]),
        Some((r"sh -c 'bin/rails db:abort_if_pending_migrations || exit 10'", words)),
    )
    .await;
}

#[tokio::test]
async fn flyway() {
    let url = "-url=jdbc:postgresql://shop-db.example.com:5432/shop?sslmode=require";
    let migrate: &[&str] = &["flyway", url, "-connectRetries=60", "migrate"];
    recipe((&format!("flyway '{url}' -connectRetries=60 migrate"), migrate), None).await;
    // The image's own entry point is flyway, so the command may be a word.
    recipe(("migrate", &["migrate"]), Some(("validate", &["validate"]))).await;
}

/// The words of a label, where it has no quotes but those of JSON.
fn words(label: &str) -> Vec<String> {
    serde_json::from_str(label).unwrap_or_else(|_| label.split(' ').map(str::to_owned).collect())
}

#[tokio::test]
async fn every_recipe_of_the_page_runs_as_it_stands_there() {
    for (tool, labels) in crate::migrate_docs::recipes() {
        println!("{tool}");
        let [migrate, plan] = ["steward.migrate", "steward.migrate-plan"].map(|label| labels[label].as_str());
        let [ran, planned] = [migrate, plan].map(words);
        let [ran, planned] = [&ran, &planned].map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
        recipe((migrate, &ran), Some((plan, &planned))).await;
    }
}
