//! Formats that this crate names and does not read, with what renders or resolves them.

use super::variable::Reason;

/// A format: words by which a file name or a text is recognised.
struct Foreign {
    /// The name of the format.
    name: &'static str,
    /// File names. A `*` stands for any text.
    files: &'static [&'static str],
    /// Texts that lines begin with.
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
        name: "values of a Helm chart",
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
        resolve: "`terraform show -json PLAN` has the values; `terraform console` evaluates one",
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
        resolve: "render it with the tool that reads it",
    },
    Foreign {
        name: "a configuration of supervisor",
        files: &["supervisord.conf", "supervisor.conf"],
        lines: &["[supervisord]", "[program:"],
        resolve: "look at `environment=` of the program; `supervisorctl pid NAME` and `/proc/PID/environ` show the running process",
    },
    Foreign {
        name: "a configuration of uWSGI",
        files: &[],
        lines: &["[uwsgi]"],
        resolve: "read `/proc/PID/environ` of the running process",
    },
    Foreign {
        name: "a configuration of PHP-FPM",
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
        name: "a configuration of pm2",
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
        name: "a playbook or role of Ansible",
        files: &["playbook.yml", "playbook.yaml", "site.yml"],
        lines: &[],
        resolve: "`ansible-playbook --check --diff` shows the files that it writes; give the file on the host",
    },
    Foreign {
        name: "an example",
        files: &["*.example", "*.sample", "*.dist", "*.example.yml", "*.example.yaml"],
        lines: &[],
        resolve: "give the file that is deployed",
    },
    Foreign {
        name: "a file of settings that are no variables",
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
        name: "a program that makes manifests",
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
        name: "a pipeline of GitLab",
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
        name: "a configuration of Netlify",
        files: &["netlify.toml"],
        lines: &[],
        resolve: "its variables are for builds and never reach functions: `netlify env:list`",
    },
    Foreign {
        name: "a configuration of Wrangler",
        files: &["wrangler.toml", "wrangler.json", "wrangler.jsonc"],
        lines: &[],
        resolve: "`wrangler deploy --dry-run` lists the bindings of an environment",
    },
    Foreign {
        name: "a configuration of Vercel",
        files: &["vercel.json", "now.json"],
        lines: &[],
        resolve: "`vercel env ls` lists the variables",
    },
    Foreign {
        name: "a configuration of Railway",
        files: &["railway.toml", "railway.json", "nixpacks.toml"],
        lines: &[],
        resolve: "`railway variables` lists the variables",
    },
    Foreign {
        name: "a service of the Serverless Framework",
        files: &["serverless.yml", "serverless.yaml", "serverless.json"],
        lines: &[],
        resolve: "`serverless print` resolves it",
    },
    Foreign {
        name: "a configuration of Skaffold or Tilt",
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
        name: "a job of launchd",
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
        name: "a container for development",
        files: &["devcontainer.json"],
        lines: &[],
        resolve: "print the variable in the container: `printenv`",
    },
    Foreign {
        name: "a virtual machine of Vagrant",
        files: &["vagrantfile"],
        lines: &[],
        resolve: "print the variable in the machine",
    },
];

/// Returns why a file can't be read here, and what renders it. `None` if its name and text belong to
/// no format of the table.
pub(crate) fn by_name(file: &str) -> Option<Reason> {
    let file = file.to_lowercase();
    let accepts = |pattern: &&str| match pattern.split_once('*') {
        Some((start, end)) => file.starts_with(start) && file.ends_with(end),
        None => file == **pattern,
    };
    let found = FORMATS.iter().find(|one| one.files.iter().any(accepts));
    found.map(Foreign::reason)
}

/// Recognises a format by the start of its lines.
pub(crate) fn by_text(text: &str) -> Option<Reason> {
    let found = FORMATS
        .iter()
        .find(|one| one.lines.iter().any(|start| text.lines().any(|line| line.starts_with(start))));
    found.map(Foreign::reason)
}

/// Returns the reason for a chart that was not rendered.
pub(crate) fn helm() -> Reason {
    Reason::new(
        "the file is a template with `{{ … }}` that was not rendered",
        "`helm template CHART -f VALUES > FILE`, or the tool that renders it; and give that file",
    )
}

/// Returns the reason for a playbook of Ansible.
pub(crate) fn ansible() -> Reason {
    FORMATS.iter().find(|one| one.name.contains("Ansible")).map_or_else(helm, Foreign::reason)
}

impl Foreign {
    fn reason(&self) -> Reason {
        Reason::new(format!("the file is {}, which is not read here", self.name), self.resolve)
    }
}

/// Whether a text in YAML has values that a template fills in, so that it must be rendered first.
/// Expressions of GitHub (`${{`) are no templates.
pub(crate) fn is_template(text: &str) -> bool {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).any(|line| {
        let value = line.split_once(": ").map_or("", |(_, value)| value.trim_start());
        let item = line.strip_prefix("- ").unwrap_or_default().trim_start();
        let begins = |part: &&str| ["{{", "{%", "<%"].iter().any(|sign| part.starts_with(sign));
        [line, value, item].iter().any(begins)
    })
}
