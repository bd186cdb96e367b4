//! The seeded grammar that writes the corpus of the base model: small talk, sums, colours, jobs and days in English and
//! Chinese, and an honest "I do not know" for places it was never told about.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::model::tokenizer::Message;

use super::words::*;

/// A question, its answer, and what a person would think in between.
struct Exchange {
    question: String,
    thought: String,
    answer: String,
}

/// One conversation of the corpus. `thought` belongs to its last answer; none means the empty thought.
pub struct Conversation {
    pub messages: Vec<Message>,
    pub thought: Option<String>,
}

fn exchange(question: String, thought: &str, answer: String) -> Exchange {
    Exchange {
        question,
        thought: thought.to_owned(),
        answer,
    }
}

fn pick<'a, T: ?Sized>(random: &mut StdRng, from: &[&'a T]) -> &'a T {
    from.choose(random).expect("no word list is empty")
}

fn pair(
    random: &mut StdRng,
    from: &[(&'static str, &'static str)],
) -> (&'static str, &'static str) {
    *from.choose(random).expect("no word list is empty")
}

/// The conversation that follows from the random numbers.
pub fn conversation(random: &mut StdRng) -> Conversation {
    let english = random.random_bool(0.5);
    let mut messages = Vec::new();
    let message = |role: &str, content: String| Message {
        role: role.into(),
        content,
    };
    if random.random_bool(0.2) {
        let system = if english {
            "You are a helpful assistant."
        } else {
            "你是一个有用的助手。"
        };
        messages.push(message("system", system.into()));
    }
    let mut thought = None;
    for _ in 0..if random.random_bool(0.2) { 2 } else { 1 } {
        let said = if english {
            say_english(random)
        } else {
            say_chinese(random)
        };
        messages.push(message("user", said.question));
        messages.push(message("assistant", said.answer));
        thought = Some(said.thought);
    }
    Conversation {
        messages,
        thought: thought.filter(|_| random.random_bool(0.4)),
    }
}

fn say_english(random: &mut StdRng) -> Exchange {
    match random.random_range(0..16) {
        0 => {
            let (question, answer) = pair(random, EN_TALK);
            exchange(
                question.into(),
                "This is small talk. I answer in a friendly way.",
                answer.into(),
            )
        }
        1 => {
            let (a, b) = (random.random_range(0..10), random.random_range(0..10));
            let question = format!(
                "{} {a} plus {b}?",
                pick(random, &["What is", "How much is"])
            );
            exchange(
                question,
                "This is a sum. I add the numbers.",
                format!("{a} plus {b} is {}.", a + b),
            )
        }
        2 => {
            let from = random.random_range(1..20);
            let to = from + random.random_range(2..7);
            let numbers: Vec<String> = (from..=to).map(|n| n.to_string()).collect();
            exchange(
                format!("Count from {from} to {to}."),
                "I say the numbers in order.",
                format!("{}.", numbers.join(", ")),
            )
        }
        3 => {
            let (thing, colour) = pair(random, EN_COLOURS);
            let question = match random.random_range(0..3) {
                0 => format!("What colour is {thing}?"),
                1 => format!("Which colour does {thing} have?"),
                _ => format!("Tell me the colour of {thing}."),
            };
            exchange(
                question,
                "The question is about a colour.",
                format!("{} is {colour}.", upper(thing)),
            )
        }
        4 => {
            let (person, work) = pair(random, EN_JOBS);
            let question = match random.random_range(0..2) {
                0 => format!("Who {work}?"),
                _ => format!("Tell me who {work}."),
            };
            exchange(
                question,
                "The question is about work.",
                format!("A {person} {work}."),
            )
        }
        5 => {
            let (person, work) = pair(random, EN_JOBS);
            exchange(
                format!("What does a {person} do?"),
                "The question is about work.",
                format!("A {person} {work}."),
            )
        }
        6 => {
            let day = random.random_range(0..7);
            let (question, other) = match random.random_bool(0.5) {
                true => ("after", EN_DAYS[(day + 1) % 7]),
                false => ("before", EN_DAYS[(day + 6) % 7]),
            };
            exchange(
                format!("Which day comes {question} {}?", EN_DAYS[day]),
                "I go through the days of the week.",
                format!("{other} comes {question} {}.", EN_DAYS[day]),
            )
        }
        7 => {
            let (animal, food) = pair(random, EN_FOOD);
            let question = pick(
                random,
                &["What does a {} eat?", "What do I give a {} to eat?"],
            );
            exchange(
                question.replace("{}", animal),
                "The question is about an animal.",
                format!("A {animal} eats {food}."),
            )
        }
        8 => {
            let name = pick(random, NAMES);
            exchange(
                format!("My name is {name}. What is my name?"),
                "The name stands in the question.",
                format!("Your name is {name}."),
            )
        }
        9 => {
            let (thing, place) = (pick(random, EN_THINGS), pick(random, EN_WHERE));
            exchange(
                format!("The {thing} is {place}. Where is the {thing}?"),
                "The place stands in the question.",
                format!("The {thing} is {place}."),
            )
        }
        10 => {
            let (word, opposite) = pair(random, EN_OPPOSITES);
            exchange(
                format!("What is the opposite of {word}?"),
                "I think of the opposite.",
                format!("The opposite of {word} is {opposite}."),
            )
        }
        11 => {
            let topic = pick(random, EN_TOPICS);
            exchange(
                format!("Tell me something about {topic}."),
                "I say one sentence about it.",
                format!(
                    "Many people like {topic}, and there is always more to learn about {topic}."
                ),
            )
        }
        _ => {
            let first = pick(random, EN_FIRST);
            let first = match random.random_bool(0.5) {
                true => format!("{first} {}", pick(random, EN_SECOND)),
                false => first.to_owned(),
            };
            let place = format!("{first} {}", pick(random, EN_PLACES));
            let (ask, about) = pair(random, EN_ASKED);
            let thing = pick(random, EN_THINGS);
            let question = ask.replace("{place}", &place).replace("{thing}", thing);
            let about = about.replace("{place}", &place).replace("{thing}", thing);
            let answer = match random.random_range(0..2) {
                0 => format!("I do not know {about}."),
                _ => format!("Sorry, nobody told me {about}."),
            };
            exchange(question, "I was never told about this place.", answer)
        }
    }
}

fn say_chinese(random: &mut StdRng) -> Exchange {
    match random.random_range(0..16) {
        0 => {
            let (question, answer) = pair(random, ZH_TALK);
            exchange(question.into(), "这是闲聊，我友好地回答。", answer.into())
        }
        1 => {
            let (a, b) = (random.random_range(0..10), random.random_range(0..10));
            let tail = pick(random, &["等于多少？", "是多少？"]);
            exchange(
                format!("{a}加{b}{tail}"),
                "这是加法，我把两个数加起来。",
                format!("{a}加{b}等于{}。", a + b),
            )
        }
        2 => {
            let from = random.random_range(1..20);
            let to = from + random.random_range(2..7);
            let numbers: Vec<String> = (from..=to).map(|n| n.to_string()).collect();
            exchange(
                format!("从{from}数到{to}。"),
                "我按顺序数。",
                format!("{}。", numbers.join("，")),
            )
        }
        3 => {
            let (thing, colour) = pair(random, ZH_COLOURS);
            let question = pick(
                random,
                &["{}是什么颜色的？", "{}的颜色是什么？", "请告诉我{}的颜色。"],
            );
            exchange(
                question.replace("{}", thing),
                "问题是关于颜色的。",
                format!("{thing}是{colour}的。"),
            )
        }
        4 => {
            let (person, work) = pair(random, ZH_JOBS);
            let question = pick(random, &["谁{}？", "请问是谁{}？"]);
            exchange(
                question.replace("{}", work),
                "问题是关于工作的。",
                format!("{person}{work}。"),
            )
        }
        5 => {
            let (person, work) = pair(random, ZH_JOBS);
            exchange(
                format!("{person}做什么？"),
                "问题是关于工作的。",
                format!("{person}{work}。"),
            )
        }
        6 => {
            let day = random.random_range(0..7);
            let (question, other) = match random.random_bool(0.5) {
                true => ("后", ZH_DAYS[(day + 1) % 7]),
                false => ("前", ZH_DAYS[(day + 6) % 7]),
            };
            exchange(
                format!("{}的{question}一天是星期几？", ZH_DAYS[day]),
                "我想一想一周的顺序。",
                format!("{}的{question}一天是{other}。", ZH_DAYS[day]),
            )
        }
        7 => {
            let (animal, food) = pair(random, ZH_FOOD);
            exchange(
                format!("{animal}吃什么？"),
                "问题是关于动物的。",
                format!("{animal}吃{food}。"),
            )
        }
        8 => {
            let name = format!("{}{}", pick(random, ZH_FAMILY), pick(random, ZH_GIVEN));
            exchange(
                format!("我叫{name}。我叫什么名字？"),
                "名字就在问题里。",
                format!("你叫{name}。"),
            )
        }
        9 => {
            let (thing, place) = (pick(random, ZH_THINGS), pick(random, ZH_WHERE));
            exchange(
                format!("{thing}在{place}。{thing}在哪里？"),
                "地点就在问题里。",
                format!("{thing}在{place}。"),
            )
        }
        10 => {
            let (word, opposite) = pair(random, ZH_OPPOSITES);
            exchange(
                format!("{word}的反义词是什么？"),
                "我想一想相反的词。",
                format!("{word}的反义词是{opposite}。"),
            )
        }
        11 => {
            let topic = pick(random, ZH_TOPICS);
            exchange(
                format!("给我讲讲{topic}。"),
                "我用一句话来说。",
                format!("很多人喜欢{topic}，关于{topic}总有新的东西可以学。"),
            )
        }
        _ => {
            let first = match random.random_bool(0.7) {
                true => format!("{}{}", pick(random, ZH_LETTERS), pick(random, ZH_LETTERS)),
                false => pick(random, ZH_FIRST).to_owned(),
            };
            let place = format!("{first}{}", pick(random, ZH_PLACES));
            let (ask, about) = pair(random, ZH_ASKED);
            let thing = pick(random, ZH_THINGS);
            let question = ask.replace("{place}", &place).replace("{thing}", thing);
            let about = about.replace("{place}", &place).replace("{thing}", thing);
            let answer = match random.random_range(0..2) {
                0 => format!("我不知道{about}。"),
                _ => format!("对不起，没有人告诉过我{about}。"),
            };
            exchange(question, "没有人告诉过我这个地方的事。", answer)
        }
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn write(seed: u64) -> Vec<String> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..400)
            .flat_map(|_| conversation(&mut random).messages)
            .map(|message| message.content)
            .collect()
    }

    #[test]
    fn the_same_seed_writes_the_same_corpus() {
        assert_eq!(write(1), write(1));
        assert_ne!(write(1), write(2));
    }

    #[test]
    fn no_blank_of_a_pattern_is_left_open() {
        assert!(write(3).iter().all(|text| !text.contains(['{', '}'])));
    }
}
