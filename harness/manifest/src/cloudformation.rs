//! AWS `CloudFormation` and SAM templates.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/>. A value with an
//! intrinsic function (`!Ref`, `Fn::Sub`) is filled in when the stack is deployed.

use super::ecs;
use super::error::Error;
use super::format::{Content, Input};
use super::node::{Node, Scalar};
use super::process::{Process, Role};
use super::variable::{Place, Reason, Value};
use super::variables::{Setting, Unread, Variables};

/// Prefixes of the types of resources that have processes, but that this module does not read.
const UNREAD_TYPES: [&str; 8] = [
    "AWS::AppRunner::Service",
    "AWS::Batch::JobDefinition",
    "AWS::CodeBuild::Project",
    "AWS::ElasticBeanstalk::",
    "AWS::Lightsail::Container",
    "AWS::SageMaker::Model",
    "AWS::EC2::Instance",
    "AWS::EC2::LaunchTemplate",
];

/// Whether a document is a template.
pub(crate) fn is_template(document: &Node) -> bool {
    let resources = document.get("Resources").map(Node::entries).unwrap_or_default();
    let is_aws = |kind: &str| kind.starts_with("AWS::") || kind.starts_with("Custom::");
    resources.iter().any(|resource| resource.value.text_at("Type").is_some_and(is_aws))
}

/// Reads a manifest.
pub(crate) fn read(input: &Input<'_>) -> Result<Content, Error> {
    let mut processes = Vec::new();
    for document in input.documents()? {
        let value = |node: &Node| value(node, &document);
        for resource in document.get("Resources").map(Node::entries).unwrap_or_default() {
            let properties = resource.value.get("Properties");
            match resource.value.text_at("Type") {
                Some("AWS::ECS::TaskDefinition") => {
                    for container in properties.map(ecs::containers).unwrap_or_default() {
                        processes.push(ecs::process(container, &input.name, &value));
                    }
                }
                Some("AWS::Lambda::Function" | "AWS::Serverless::Function") => {
                    let variables = function(&document, properties, &input.name, &value);
                    processes.push(Process::new(&resource.name, Role::Main, variables));
                }
                Some(kind) if UNREAD_TYPES.iter().any(|unread| kind.starts_with(unread)) => {
                    let mut variables = Variables::default();
                    let place = Place::new(&input.name, resource.line);
                    let why = format!("spanproof does not read resources of the type `{kind}`");
                    variables.add_unread(Unread::new(place, why, "look at the deployed resource"));
                    processes.push(Process::new(&resource.name, Role::Main, variables));
                }
                _ => {}
            }
        }
    }
    if processes.is_empty() {
        let why = "the template has no task definition and no function";
        return Ok(Content::Unresolved(Reason::new(why, "give the template that has them")));
    }
    Ok(Content::Processes(processes))
}

/// Computes the variables of a Lambda function.
fn function(
    document: &Node,
    properties: Option<&Node>,
    file: &str,
    value: &dyn Fn(&Node) -> Value,
) -> Variables {
    let mut variables = Variables::default();
    let location = "Environment.Variables";
    let global = document.at("Globals.Function.Environment");
    let own = properties.and_then(|node| node.get("Environment"));
    for environment in [global, own].into_iter().flatten() {
        let expression = [Some(environment), environment.get("Variables")];
        if let Some(node) = expression.into_iter().flatten().find(|node| ecs::is_expression(node)) {
            let why = "an expression decides which variables are set";
            variables.add_unread(Unread::new(
                Place::new(file, node.line),
                why,
                "look at the deployed function",
            ));
            continue;
        }
        for entry in environment.get("Variables").map(Node::entries).unwrap_or_default() {
            let place = Place::new(file, entry.value.line.max(entry.line));
            variables.set(Setting::new(&entry.name, value(&entry.value), location, place));
        }
    }
    variables
}

/// Returns the value of a variable; unknown if an intrinsic function computes it at deployment.
fn value(node: &Node, document: &Node) -> Value {
    let function = node.tag.as_deref().filter(|tag| tag.starts_with('!') && !tag.starts_with("!!"));
    let nested = node.entries().first().map(|entry| entry.name.as_str());
    let Some(function) = function.or(nested) else {
        return match node.scalar() {
            Some(Scalar::Null) | None => {
                Value::Unknown(Reason::new("its value is not a string", "write a quoted string"))
            }
            Some(_) if node.text().is_some_and(|text| text.contains("{{resolve:")) => {
                let why = "CloudFormation fills it in from a secret or parameter";
                Value::Elsewhere(Reason::new(why, "look at the deployed task or function"))
            }
            Some(_) => Value::Literal(node.text().unwrap_or_default().to_owned()),
        };
    };
    let argument =
        node.text().or_else(|| node.entries().first().and_then(|entry| entry.value.text()));
    let argument = argument.unwrap_or_default();
    let default = document.at("Parameters").and_then(|parameters| parameters.get(argument));
    let default = default.and_then(|parameter| parameter.text_at("Default"));
    let default = default.map(|text| format!(", whose default is `{text}`")).unwrap_or_default();
    let why = format!("CloudFormation fills it in: `{function}` of `{argument}`{default}");
    let resolve = "look at the deployed task or function; `aws cloudformation describe-stacks` shows the \
                   parameters of the stack";
    Value::Unknown(Reason::new(why, resolve))
}
