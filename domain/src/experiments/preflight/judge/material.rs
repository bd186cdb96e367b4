//! Is everything there that training reads, and the same on every node?

use super::{Making, Situation, gib, list};
use crate::experiments::preflight::{Fix, Mark, Print, Row, Seen};
use crate::language::Text;

pub fn rows(s: &Situation<'_>) -> Vec<Row> {
    vec![
        folder(
            s,
            "model",
            "Model",
            "模型",
            &s.expected.model_id,
            s.expected.model_at,
            |seen| seen.model.as_ref(),
        ),
        folder(
            s,
            "mcore",
            "MCore weights",
            "MCore 权重",
            &s.expected.mcore_id,
            s.expected.mcore_at,
            |seen| seen.mcore.as_ref(),
        ),
        template(s),
        dataset(s),
    ]
}

fn folder<'a>(
    s: &Situation<'a>,
    key: &str,
    en: &str,
    zh: &str,
    id: &str,
    home: usize,
    of: impl Fn(&'a Seen) -> Option<&'a Print>,
) -> Row {
    // What was registered is right; the others are compared with it.
    let right = s
        .sights
        .get(home)
        .and_then(|sight| sight.answer.as_ref().ok())
        .and_then(&of);
    let own = |at: usize| s.sights[at].answer.as_ref().ok().and_then(&of);
    let mut row = Making::new(s, key, en, zh).each(|at, _, _| match own(at) {
        None => (Mark::Stops, "–".to_owned()),
        Some(print) => {
            let is_same = right.is_none_or(|right| {
                (&right.names, &right.weights, &right.texts)
                    == (&print.names, &print.weights, &print.texts)
            });
            let hash: String = print.weights.chars().take(8).collect();
            (
                if is_same { Mark::Ok } else { Mark::Stops },
                format!("{hash} · {}", gib(print.bytes as f64)),
            )
        }
    });
    let wrong = row.names(Mark::Stops);
    if wrong.is_empty() {
        return row.done();
    }
    let missing: Vec<String> = (0..s.sights.len())
        .filter(|at| s.sights[*at].answer.is_ok() && own(*at).is_none())
        .map(|at| s.sights[at].name.clone())
        .collect();
    let what = &s.expected.model;
    let path = s.sights.get(home).map_or("", |sight| {
        if key == "model" {
            &sight.model
        } else {
            &sight.mcore
        }
    });
    let why = if missing.is_empty() {
        let part = |at: usize| {
            let (Some(right), Some(own)) = (right, own(at)) else {
                return None;
            };
            Some(if right.names != own.names {
                ("its files have other names or sizes", "文件名或大小不同")
            } else if right.weights != own.weights {
                ("its weights differ", "权重内容不同")
            } else if right.texts != own.texts {
                ("its configuration or tokenizer differs", "配置或分词器不同")
            } else {
                return None;
            })
        };
        let (en, zh) = (0..s.sights.len())
            .find_map(part)
            .unwrap_or(("it differs", "内容不同"));
        Text::new(
            format!(
                "{} has another {what} than {}: {en}. Every node has to start from the same weights.",
                list(&wrong),
                s.sights.get(home).map_or("", |sight| &sight.name)
            ),
            format!(
                "{} 上的 {what} 与 {} 的不同：{zh}。所有节点必须使用相同的权重。",
                list(&wrong),
                s.sights.get(home).map_or("", |sight| &sight.name)
            ),
        )
    } else {
        Text::new(
            format!(
                "{} has no copy of {what} ({path}). Spread it over the cluster's own network.",
                list(&missing)
            ),
            format!(
                "{} 上没有 {what}（{path}）。请通过集群网络复制。",
                list(&missing)
            ),
        )
    };
    let evidence = row.evidence();
    row.problem(
        Mark::Stops,
        why,
        evidence,
        Some(Fix::SpreadModel {
            model: id.to_owned(),
            nodes: wrong,
        }),
    );
    row.done()
}

fn template(s: &Situation<'_>) -> Row {
    let mut row = Making::new(s, "template", "Chat template", "对话模板").each(|_, _, seen| {
        match &seen.model {
            Some(print) => (Mark::Ok, print.template.chars().take(8).collect()),
            None => (Mark::Unknown, "–".to_owned()),
        }
    });
    if row.must_agree(Mark::Stops) {
        let evidence = row.evidence();
        row.problem(
            Mark::Stops,
            Text::new(
                "The nodes have different chat templates (chat_template.jinja, tokenizer_config.json): they would train on different tokens. Spread the model again.",
                "各节点的对话模板（chat_template.jinja、tokenizer_config.json）不同，会训练不同的 token。请重新复制模型。",
            ),
            evidence,
            Some(Fix::SpreadModel { model: s.expected.model_id.clone(), nodes: s.sights.iter().skip(1).map(|sight| sight.name.clone()).collect() }),
        );
    }
    row.done()
}

fn dataset(s: &Situation<'_>) -> Row {
    let expected = s.expected;
    let mut row =
        Making::new(s, "dataset", "Dataset", "数据集").each(|_, _, seen| match &seen.dataset {
            None => (Mark::Stops, "–".to_owned()),
            Some((size, is_whole, hash)) => {
                let is_right = *size == expected.dataset_bytes
                    && (!is_whole || *hash == expected.dataset_sha256);
                let short: String = hash.chars().take(8).collect();
                (
                    if is_right { Mark::Ok } else { Mark::Stops },
                    format!("{short} · {size} B"),
                )
            }
        });
    let wrong = row.names(Mark::Stops);
    let evidence = format!(
        "registered: {} · {} B; {}",
        expected.dataset_sha256.chars().take(8).collect::<String>(),
        expected.dataset_bytes,
        row.evidence()
    );
    let fix = || {
        Some(Fix::Open {
            address: format!("/datasets/{}", expected.dataset_id),
        })
    };
    if !wrong.is_empty() {
        let is_missing = |sight: &super::Sight| {
            sight
                .answer
                .as_ref()
                .is_ok_and(|seen| seen.dataset.is_none())
        };
        let missing: Vec<String> = s
            .sights
            .iter()
            .filter(|sight| is_missing(sight))
            .map(|sight| sight.name.clone())
            .collect();
        let path = s.sights.first().map_or("", |sight| &sight.dataset);
        let why = if missing.is_empty() {
            Text::new(
                format!(
                    "The dataset on {} is another file than the one that was registered. Every node has to read the same rows: copy it again, or register the new file.",
                    list(&wrong)
                ),
                format!(
                    "{} 上的数据集与登记时不同。所有节点必须读取相同的数据：请重新复制，或登记新文件。",
                    list(&wrong)
                ),
            )
        } else {
            Text::new(
                format!(
                    "{} has no copy of {path}. Put the file at the same place there.",
                    list(&missing)
                ),
                format!("{} 上没有 {path}，请将文件放到相同位置。", list(&missing)),
            )
        };
        row.problem(Mark::Stops, why, evidence, fix());
    } else if row.must_agree(Mark::Stops) {
        row.problem(
            Mark::Stops,
            Text::new(
                "The dataset has the same size on the nodes, but other content. Copy it again.",
                "各节点的数据集大小相同但内容不同。请重新复制。",
            ),
            evidence,
            fix(),
        );
    }
    row.done()
}
