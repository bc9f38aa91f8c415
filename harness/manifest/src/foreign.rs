//! Formats that this crate recognises but does not read, and how to get the environment from them.

use super::variable::Reason;

/// A format, and how to recognise it.
struct Foreign {
    name: &'static str,
    /// File names in lower case. A `*` matches any text.
    files: &'static [&'static str],
    /// Prefixes of lines that only this format has.
    lines: &'static [&'static str],
    /// How to get the environment.
    resolve: &'static str,
}

const FORMATS: &[Foreign] = &[
    Foreign {
        name: "a kustomization",
        files: &["kustomization.yaml", "kustomization.yml", "kustomization"],
        lines: &[],
        resolve: "`kustomize build DIR > FILE` (or `kubectl kustomize DIR`), and give that file",
    },
    Foreign {
        name: "a values file of a Helm chart",
        files: &[
            "chart.yaml",
            "*values.yaml",
            "*values.yml",
            "values-*.yaml",
            "values.*.yaml",
            "values-*.yml",
            "values.*.yml",
            "helmfile.yaml",
        ],
        lines: &[],
        resolve: "`helm template CHART -f VALUES > FILE`, and give that file",
    },
    Foreign {
        name: "Terraform",
        files: &["*.tf", "*.tfvars", "*.tf.json", "*.tofu"],
        lines: &[],
        resolve: "`terraform show -json PLAN` prints the values; `terraform console` evaluates one",
    },
    Foreign {
        name: "a Nomad job",
        files: &["*.nomad", "*.nomad.hcl"],
        lines: &["job \""],
        resolve: "`nomad job inspect JOB`, or `nomad alloc exec ALLOC env` in the running task",
    },
    Foreign {
        name: "HCL",
        files: &["*.hcl"],
        lines: &[],
        resolve: "render it with the tool that uses it, and give the result",
    },
    Foreign {
        name: "a supervisor configuration",
        files: &["supervisord.conf", "supervisor.conf"],
        lines: &["[supervisord]", "[program:"],
        resolve: "look at `environment=` of the program; `supervisorctl pid NAME` and `/proc/PID/environ` show the running process",
    },
    Foreign {
        name: "a uWSGI configuration",
        files: &[],
        lines: &["[uwsgi]"],
        resolve: "read `/proc/PID/environ` of the running process",
    },
    Foreign {
        name: "a PHP-FPM configuration",
        files: &["www.conf", "php-fpm.conf"],
        lines: &["[www]"],
        resolve: "look at `env[NAME]` and `clear_env` of the pool",
    },
    Foreign {
        name: "a crontab",
        files: &["crontab", "*.cron", "*.crontab"],
        lines: &[],
        resolve: "cron passes on only the variables of the crontab: print them in the job with `env`",
    },
    Foreign {
        name: "a pm2 configuration",
        files: &[
            "ecosystem.config.js",
            "ecosystem.config.cjs",
            "pm2.config.js",
            "ecosystem.json",
            "pm2.json",
            "process.json",
        ],
        lines: &[],
        resolve: "`pm2 env ID` shows the running process; `env_NAME` needs `--env NAME`",
    },
    Foreign {
        name: "an Ansible playbook or role",
        files: &["playbook.yml", "playbook.yaml", "site.yml"],
        lines: &[],
        resolve: "`ansible-playbook --check --diff` shows the files that it writes; give the file on the host",
    },
    Foreign {
        name: "an example file",
        files: &["*.example", "*.sample", "*.dist", "*.example.yml", "*.example.yaml"],
        lines: &[],
        resolve: "give the file that is deployed",
    },
    Foreign {
        name: "a settings file that sets no environment variables",
        files: &["*.properties", "*.ini", "*.cfg"],
        lines: &[],
        resolve: "give the manifest that starts the process",
    },
    Foreign {
        name: "a template",
        files: &[
            "*.j2",
            "*.jinja",
            "*.jinja2",
            "*.erb",
            "*.tmpl",
            "*.tpl",
            "*.gotmpl",
            "*.mustache",
            "*.ejs",
            "*.template",
        ],
        lines: &[],
        resolve: "render it, and give the result",
    },
    Foreign {
        name: "a program that generates manifests",
        files: &[
            "*.jsonnet",
            "*.libsonnet",
            "*.cue",
            "*.dhall",
            "*.pkl",
            "*.ts",
            "*.js",
            "*.cjs",
            "*.mjs",
            "*.py",
            "*.rb",
            "*.nix",
            "*.bicep",
            "*.star",
            "*.lua",
        ],
        lines: &[],
        resolve: "run it, and give what it prints",
    },
    Foreign {
        name: "a GitLab pipeline",
        files: &[".gitlab-ci.yml", ".gitlab-ci.yaml", "*.gitlab-ci.yml"],
        lines: &[],
        resolve: "print the variable in the job: `printenv`",
    },
    Foreign {
        name: "a pipeline",
        files: &[
            "jenkinsfile",
            "azure-pipelines.yml",
            "bitbucket-pipelines.yml",
            ".travis.yml",
            "cloudbuild.yaml",
            "buildspec.yml",
            ".drone.yml",
            ".woodpecker.yml",
        ],
        lines: &[],
        resolve: "print the variable in the step: `printenv`",
    },
    Foreign {
        name: "a Netlify configuration",
        files: &["netlify.toml"],
        lines: &[],
        resolve: "its variables are for builds and never reach functions: `netlify env:list`",
    },
    Foreign {
        name: "a Wrangler configuration",
        files: &["wrangler.toml", "wrangler.json", "wrangler.jsonc"],
        lines: &[],
        resolve: "`wrangler deploy --dry-run` lists the bindings of an environment",
    },
    Foreign {
        name: "a Vercel configuration",
        files: &["vercel.json", "now.json"],
        lines: &[],
        resolve: "`vercel env ls` lists the variables",
    },
    Foreign {
        name: "a Railway configuration",
        files: &["railway.toml", "railway.json", "nixpacks.toml"],
        lines: &[],
        resolve: "`railway variables` lists the variables",
    },
    Foreign {
        name: "a Serverless Framework service",
        files: &["serverless.yml", "serverless.yaml", "serverless.json"],
        lines: &[],
        resolve: "`serverless print` resolves it",
    },
    Foreign {
        name: "a Skaffold or Tilt configuration",
        files: &["skaffold.yaml", "tiltfile"],
        lines: &[],
        resolve: "`skaffold render` prints the manifests",
    },
    Foreign {
        name: "a shell script",
        files: &["*.sh", "*.bash", ".envrc", "*.zsh", "*.fish"],
        lines: &["#!/bin/", "#!/usr/bin/env"],
        resolve: "run it up to the start of the service, and print the variable with `printenv`",
    },
    Foreign {
        name: "a makefile",
        files: &["makefile", "gnumakefile", "*.mk", "justfile", "taskfile.yml", "taskfile.yaml"],
        lines: &[],
        resolve: "print the variable in the recipe: `printenv`",
    },
    Foreign {
        name: "a launchd job",
        files: &["*.plist"],
        lines: &[],
        resolve: "`launchctl print` shows the environment of the job",
    },
    Foreign {
        name: "an init script",
        files: &["*.upstart", "*.initd"],
        lines: &[],
        resolve: "read `/proc/PID/environ` of the running process",
    },
    Foreign {
        name: "a development container",
        files: &["devcontainer.json"],
        lines: &[],
        resolve: "print the variable in the container: `printenv`",
    },
    Foreign {
        name: "a Vagrant virtual machine",
        files: &["vagrantfile"],
        lines: &[],
        resolve: "print the variable in the machine",
    },
];

/// Returns why this crate does not read a file, and how to get its environment. `None` if its name belongs
/// to no format of the table. `file` is the name without its folder.
pub(crate) fn by_name(file: &str) -> Option<Reason> {
    let file = file.to_lowercase();
    let accepts = |pattern: &&str| match pattern.split_once('*') {
        Some((start, end)) => file.starts_with(start) && file.ends_with(end),
        None => file == **pattern,
    };
    let found = FORMATS.iter().find(|one| one.files.iter().any(accepts));
    found.map(Foreign::reason)
}

/// Like [`by_name`], but recognises the format by the start of its lines.
pub(crate) fn by_text(text: &str) -> Option<Reason> {
    let found = FORMATS
        .iter()
        .find(|one| one.lines.iter().any(|start| text.lines().any(|line| line.starts_with(start))));
    found.map(Foreign::reason)
}

/// Returns the reason for a template that was not rendered.
pub(crate) fn helm() -> Reason {
    Reason::new(
        "the file is a template with `{{ … }}` that was not rendered",
        "run `helm template CHART -f VALUES > FILE`, or the tool that renders it, and give that file",
    )
}

/// Returns the reason for an Ansible playbook.
pub(crate) fn ansible() -> Reason {
    FORMATS.iter().find(|one| one.name.contains("Ansible")).map_or_else(helm, Foreign::reason)
}

impl Foreign {
    fn reason(&self) -> Reason {
        let why = format!("the file is {}, which spanproof does not read", self.name);
        Reason::new(why, self.resolve)
    }
}

/// Whether a YAML text has template placeholders, and must be rendered first. GitHub expressions (`${{`)
/// are not placeholders.
pub(crate) fn is_template(text: &str) -> bool {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).any(|line| {
        let value = line.split_once(": ").map_or("", |(_, value)| value.trim_start());
        let item = line.strip_prefix("- ").unwrap_or_default().trim_start();
        let begins = |part: &&str| ["{{", "{%", "<%"].iter().any(|sign| part.starts_with(sign));
        [line, value, item].iter().any(begins)
    })
}
