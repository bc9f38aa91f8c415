//! Finds tokens by the forms that their issuers document.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use regex::Regex;

use super::text::{Found, without_overlaps};

/// The characters after the prefix of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits, `_` and `-`.
    Url,
    /// Letters, digits, `_`, `-` and `.`.
    Dotted,
    /// Letters, digits and `+/=_-`.
    Base64,
    /// Capital letters and digits.
    Upper,
    /// Hexadecimal digits and `-`.
    Hex,
}

impl Alphabet {
    fn contains(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
            Self::Dotted => byte.is_ascii_alphanumeric() || b"_-.".contains(&byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit() || byte == b'-',
        }
    }
}

/// A form of tokens: prefixes, the alphabet and the minimum length of what follows, and the page that
/// documents it. Longer tokens count, too, because issuers have lengthened their tokens before.
type Form = (&'static [&'static str], Alphabet, usize, &'static str);

use Alphabet::{Alphanumeric, Base64, Dotted, Hex, Upper, Url};

/// The forms by issuer.
const FORMS: [Form; 50] = [
    (
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        Alphanumeric,
        36,
        "https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/",
    ),
    (
        &["github_pat_"],
        Url,
        22,
        "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
    ),
    (
        &[
            "glpat-", "gloas-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-",
            "glagent-", "glwt-", "glsoat-", "glffct-",
        ],
        Dotted,
        20,
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
    ),
    (&["GR1348941"], Url, 20, "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    (
        &[
            "xoxb-",
            "xoxp-",
            "xoxa-",
            "xoxr-",
            "xoxs-",
            "xoxe-",
            "xoxe.xoxb-",
            "xoxe.xoxp-",
            "xapp-",
        ],
        Url,
        16,
        "https://docs.slack.dev/authentication/tokens",
    ),
    (
        &["hooks.slack.com/services/", "hooks.slack.com/workflows/"],
        Base64,
        20,
        "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
    ),
    (
        &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        Base64,
        40,
        "https://discord.com/developers/docs/resources/webhook",
    ),
    (
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_"],
        Alphanumeric,
        20,
        "https://docs.stripe.com/keys",
    ),
    (&["whsec_"], Base64, 24, "https://docs.stripe.com/webhooks"),
    (
        &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"],
        Url,
        20,
        "https://platform.openai.com/docs/api-reference/authentication",
    ),
    (&["sk-"], Alphanumeric, 32, "https://platform.openai.com/docs/api-reference/authentication"),
    (&["sk-ant-"], Url, 20, "https://docs.anthropic.com/en/api/overview"),
    (&["sk-or-v1-"], Hex, 32, "https://openrouter.ai/docs/api-reference/authentication"),
    (
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        Upper,
        16,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
    (&["ABSK"], Base64, 100, "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html"),
    (&["AIza"], Url, 35, "https://cloud.google.com/docs/authentication/api-keys"),
    (&["ya29."], Dotted, 20, "https://developers.google.com/identity/protocols/oauth2"),
    (&["GOCSPX-"], Url, 24, "https://developers.google.com/identity/protocols/oauth2"),
    (&["1//0"], Url, 40, "https://developers.google.com/identity/protocols/oauth2"),
    (&["npm_"], Alphanumeric, 36, "https://docs.npmjs.com/about-access-tokens"),
    (&["pypi-"], Url, 50, "https://pypi.org/help/#apitoken"),
    (&["rubygems_"], Hex, 48, "https://guides.rubygems.org/api-key-scopes/"),
    (&["dckr_pat_", "dckr_oat_"], Url, 20, "https://docs.docker.com/security/access-tokens/"),
    (
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        Hex,
        64,
        "https://docs.digitalocean.com/reference/api/create-personal-access-token/",
    ),
    (
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        Hex,
        32,
        "https://shopify.dev/docs/apps/build/authentication-authorization",
    ),
    (&["SG."], Dotted, 50, "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"),
    (&["key-"], Hex, 32, "https://documentation.mailgun.com/docs/mailgun/user-manual/get-started/"),
    (&["SK"], Hex, 32, "https://www.twilio.com/docs/glossary/what-is-a-sid"),
    (
        &["sq0atp-", "sq0csp-", "sq0idp-"],
        Url,
        22,
        "https://developer.squareup.com/docs/build-basics/access-tokens",
    ),
    (&["hf_"], Alphanumeric, 30, "https://huggingface.co/docs/hub/security-tokens"),
    (&["r8_"], Alphanumeric, 37, "https://replicate.com/docs/topics/security/api-tokens"),
    (&["gsk_"], Alphanumeric, 40, "https://console.groq.com/docs/quickstart"),
    (&["xai-", "pplx-"], Alphanumeric, 40, "https://docs.x.ai/docs/overview"),
    (&["dapi"], Hex, 32, "https://docs.databricks.com/aws/en/dev-tools/auth/pat"),
    (&["lin_api_", "lin_oauth_"], Alphanumeric, 32, "https://linear.app/developers/graphql"),
    (
        &["ntn_", "secret_"],
        Alphanumeric,
        40,
        "https://developers.notion.com/reference/authentication",
    ),
    (
        &["PMAK-"],
        Hex,
        40,
        "https://learning.postman.com/docs/developer/postman-api/authentication/",
    ),
    (&["NRAK-"], Upper, 27, "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"),
    (
        &["glc_", "glsa_"],
        Base64,
        32,
        "https://grafana.com/docs/grafana/latest/administration/service-accounts/",
    ),
    (&["sntrys_", "sntryu_"], Base64, 40, "https://docs.sentry.io/account/auth-tokens/"),
    (
        &["hvs.", "hvb.", "hvr."],
        Url,
        20,
        "https://developer.hashicorp.com/vault/docs/concepts/tokens",
    ),
    (
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."],
        Dotted,
        40,
        "https://docs.doppler.com/reference/auth-token-formats",
    ),
    (
        &["pul-"],
        Hex,
        40,
        "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/",
    ),
    (&["fm1_", "fm2_", "fo1_"], Base64, 40, "https://fly.io/docs/security/tokens/"),
    (
        &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"],
        Dotted,
        32,
        "https://planetscale.com/docs/api/reference/service-tokens",
    ),
    (&["sbp_", "sb_secret_"], Url, 20, "https://supabase.com/docs/guides/api/api-keys"),
    (
        &["ATATT3", "ATCTT3", "ATBB"],
        Base64,
        24,
        "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/",
    ),
    (&["tskey-"], Url, 20, "https://tailscale.com/kb/1277/key-prefixes"),
    (
        &["figd_", "sqp_", "squ_", "sqa_", "CCIPAT_", "bkua_", "nfp_", "rnd_", "lsv2_"],
        Url,
        28,
        "https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens/",
    ),
    (&["AGE-SECRET-KEY-1"], Upper, 50, "https://github.com/C2SP/C2SP/blob/main/age.md"),
];

/// Forms without a prefix, as patterns; the first is a JSON Web Token (RFC 7519).
const PATTERNS: [&str; 6] = [
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",
    // https://core.telegram.org/bots/api#authorizing-your-bot
    r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}",
    // https://mailchimp.com/developer/marketing/guides/quick-start/
    r"\b[0-9a-f]{32}-us[0-9]{1,2}\b",
    // https://discord.com/developers/docs/reference#authentication
    r"\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    // https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens
    r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}",
    // https://learn.microsoft.com/en-us/purview/sit-defn-azure-ad-client-secret
    r"\b[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34}",
];

static PREFIXES: LazyLock<Option<(AhoCorasick, Vec<&'static Form>)>> = LazyLock::new(|| {
    let all = FORMS.iter().flat_map(|form| form.0.iter().map(move |prefix| (*prefix, form)));
    let (prefixes, forms): (Vec<&str>, Vec<&'static Form>) = all.unzip();
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(prefixes);
    Some((automaton.ok()?, forms))
});

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&PATTERNS.join("|")).ok());

/// Returns the tokens in a text.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut all = prefixed_tokens(text);
    if let Some(pattern) = PATTERN.as_ref() {
        all.extend(pattern.find_iter(text).map(|found| Found::from(found.range())));
    }
    without_overlaps(all)
}

/// Returns the tokens that start with the prefix of a form.
fn prefixed_tokens(text: &str) -> Vec<Found> {
    let Some((prefixes, forms)) = PREFIXES.as_ref() else { return Vec::new() };
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(found) = prefixes.find(Input::new(text).range(at..)) {
        let (_, alphabet, min, _) = forms[found.pattern().as_usize()];
        let rest = &text.as_bytes()[found.end()..];
        let is_token = starts_word(text.as_bytes(), found.start())
            && rest.len() >= *min
            && rest[..*min].iter().all(|byte| alphabet.contains(*byte))
            && (*alphabet == Upper || is_mixed(&rest[..*min]));
        if is_token {
            let length = rest.iter().take_while(|byte| alphabet.contains(**byte)).count();
            at = found.end() + length;
            all.push(Found::from(found.start()..at));
        } else {
            at = found.start() + 1;
        }
    }
    all
}

/// Whether the bytes have a digit, or letters of both cases. An ordinary word has neither.
fn is_mixed(bytes: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| bytes.iter().any(test);
    has(u8::is_ascii_digit) || (has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
}

/// Whether a word can start here. An escape, such as `\n` or `%3D`, can come directly before it.
fn starts_word(text: &[u8], at: usize) -> bool {
    let before = |distance: usize| at.checked_sub(distance).map(|at| text[at]);
    let Some(last) = before(1) else { return true };
    !(last.is_ascii_alphanumeric() || last == b'_')
        || before(2) == Some(b'\\')
        || before(3) == Some(b'%')
}
