//! The kinds of findings and how each is said: what was found, what to write. `{}` stands for the detail.

use serde::{Deserialize, Serialize};

use crate::language::Text;

macro_rules! kinds {
    ($($name:ident { $found:literal, $found_zh:literal, $write:literal, $write_zh:literal })*) => {
        /// What a finding is about; its machine name is the snake_case form (docs/guide/datasets.md).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind { $($name),* }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$name),*];

            fn words(self) -> [&'static str; 4] {
                match self { $(Kind::$name => [$found, $found_zh, $write, $write_zh]),* }
            }
        }
    };
}

kinds! {
    NotUtf8 {
        "byte {} is not UTF-8", "字节 {} 不是 UTF-8",
        "save the file as UTF-8 (for example: iconv -f GB18030 -t UTF-8)", "将文件另存为 UTF-8（例如 iconv -f GB18030 -t UTF-8）"
    }
    Utf16 {
        "the file is UTF-16 ({})", "文件是 UTF-16（{}）",
        "save it as UTF-8: iconv -f UTF-16 -t UTF-8", "另存为 UTF-8：iconv -f UTF-16 -t UTF-8"
    }
    NulByte {
        "a NUL byte", "一个 NUL 字节",
        "remove it: the file was cut off or is not text", "将其删除：文件被截断，或不是文本"
    }
    ByteOrderMark {
        "a byte order mark before the first row", "第一行之前有字节顺序标记（BOM）",
        "nothing has to be done; other programs may stumble over it", "无需处理；其他程序可能会出错"
    }
    MarkBeforeArray {
        "a byte order mark before an array", "数组之前有字节顺序标记（BOM）",
        "save the file without the mark, or as one object per line", "保存为不带 BOM 的文件，或每行一个对象"
    }
    BlankBeforeArray {
        "blanks before the opening bracket of the array", "数组的左方括号之前有空白",
        "begin the file with [, or write one object per line", "让文件以 [ 开头，或每行一个对象"
    }
    UnfinishedRow {
        "the row ends in the middle: {}", "该行在中途结束：{}",
        "write the whole object on one line, closed with }", "在一行内写完整个对象，并以 } 结束"
    }
    UnexpectedCharacter {
        "{} cannot stand here", "此处不能出现 {}",
        "write JSON: double quotes, a comma between members and none after the last, nothing after the object", "按 JSON 书写：使用双引号，成员之间用逗号，最后一个之后不加，对象之后没有其他内容"
    }
    BadNumber {
        "{} is no JSON number", "{} 不是 JSON 数字",
        "write 1, 1.5 or 1e-3: no leading zero, plus sign or bare point", "写成 1、1.5 或 1e-3：没有前导零、正号或孤立的小数点"
    }
    BadEscape {
        "{} is no JSON escape", "{} 不是 JSON 转义",
        "write \\\\ for a backslash, \\uXXXX with four hex digits", "反斜杠写成 \\\\，\\uXXXX 需要四位十六进制"
    }
    ControlCharacter {
        "a raw control character (0x{}) inside a text", "文本内有原始控制字符（0x{}）",
        "write \\n, \\t or \\u00XX in its place", "改写为 \\n、\\t 或 \\u00XX"
    }
    LoneSurrogate {
        "half of a surrogate pair: {}", "不成对的代理项：{}",
        "write the whole pair, or the character itself", "写完整的一对，或直接写该字符"
    }
    DuplicateKey {
        "the name {} stands twice in one object", "名称 {} 在同一对象中出现两次",
        "keep one of them", "只保留一个"
    }
    NumberTooBig {
        "{} is larger than a double", "{} 超出双精度范围",
        "write a smaller number or a text", "写较小的数字，或写成文本"
    }
    IntegerTooBig {
        "{} is larger than 64 bits", "{} 超过 64 位",
        "write it as a text", "写成文本"
    }
    NotANumber {
        "{} is not JSON, though it is read", "{} 不是 JSON，但仍会被读取",
        "write null", "写 null"
    }
    NestedTooDeep {
        "nesting of {} levels", "嵌套 {} 层",
        "nest at most 60 levels", "嵌套不超过 60 层"
    }
    RowTooLong {
        "a row of {}", "一行有 {}",
        "split it; no max_length keeps such a row", "拆分它；没有 max_length 能保留这样的行"
    }
    RowsOverLines {
        "{} rows span several lines", "{} 行跨越多行文本",
        "write each object on one line", "每个对象写在一行内"
    }
    RowNotObject {
        "the row is {}, not an object", "该行是{}，不是对象",
        "write {\"messages\": […]}", "写成 {\"messages\": […]}"
    }
    RowNull {
        "the row is null", "该行是 null",
        "remove the line", "删除该行"
    }
    AfterArray {
        "{} after the closing bracket of the array", "数组右方括号之后有 {}",
        "end the file after ]", "文件应在 ] 之后结束"
    }
    EmptyFile {
        "no row at all", "没有任何一行",
        "write at least one row", "至少写一行"
    }
    NothingLeft {
        "no row is left to train", "没有剩下可训练的行",
        "mend the rows above: without any, training ends with ZeroDivisionError", "修正上面的行：一行都不剩时，训练会以 ZeroDivisionError 结束"
    }
    UnknownEnding {
        "ms-swift does not know a file that ends in {}", "ms-swift 不认识以 {} 结尾的文件",
        "name it .jsonl or .json", "命名为 .jsonl 或 .json"
    }
    TypeChanges {
        "{}", "{}",
        "give the column one type in all rows", "让该列在所有行中类型一致"
    }
    LateColumn {
        "{} shows for the first time after the first 10 MiB", "{} 在前 10 MiB 之后才第一次出现",
        "let a row of the first 10 MiB have it too (null is not enough), or leave it out everywhere", "让前 10 MiB 中也有一行带有它（仅有 null 不够），或全部去掉"
    }
    LateType {
        "{}", "{}",
        "let a row of the first 10 MiB hold the same type", "让前 10 MiB 中有一行为同样的类型"
    }
    DatesOnly {
        "every text of {} reads as a date, so it is taken for one", "{} 的所有文本都像日期，因此被当作日期",
        "let at least one text be something else, for example with a word before the date", "至少让一个文本不是日期，例如在日期前加一个词"
    }
    AmbiguousColumns {
        "the columns {} mean the same, so none of them is used", "列 {} 含义相同，因此都不会被使用",
        "keep one of them, or name it query or response", "只保留一个，或改名为 query、response"
    }
    OtherForm {
        "the row has no messages, but other rows of the file have", "该行没有 messages，而文件中其他行有",
        "give it messages too, or put it into a file of its own", "也写成 messages，或放进单独的文件"
    }
    MixedKeys {
        "the turn says {}, turns of other rows say it otherwise", "该轮使用 {}，其他行的写法不同",
        "use role and content in all rows", "所有行都使用 role 和 content"
    }
    ColumnIgnored {
        "the column {} is not read", "列 {} 不会被读取",
        "name it as ms-swift does: messages, rejected_response, images …", "按 ms-swift 的名称书写：messages、rejected_response、images……"
    }
    NoMessages {
        "messages is missing or null", "缺少 messages 或为 null",
        "write a list of turns", "写成轮次列表"
    }
    EmptyMessages {
        "messages is empty", "messages 为空",
        "write at least a user and an assistant turn", "至少写一个 user 轮和一个 assistant 轮"
    }
    MessagesNotList {
        "messages is {}", "messages 是{}",
        "write a list: [{\"role\": \"user\", \"content\": \"…\"}, …]", "写成列表：[{\"role\": \"user\", \"content\": \"…\"}, …]"
    }
    MessagesNotRead {
        "messages is a text that is no list: {}", "messages 是文本且不是列表：{}",
        "write the list itself, without quotes around it", "直接写列表，不要加引号"
    }
    TurnNotObject {
        "a turn is {}", "某一轮是{}",
        "write {\"role\": \"user\", \"content\": \"…\"}", "写成 {\"role\": \"user\", \"content\": \"…\"}"
    }
    RoleMissing {
        "the turn has no role", "该轮没有 role",
        "write \"role\": user, assistant, system, tool_call or tool_response", "写 \"role\"：user、assistant、system、tool_call 或 tool_response"
    }
    RoleNotText {
        "the role is {}", "role 是{}",
        "write a text: user, assistant, system, tool_call or tool_response", "写成文本：user、assistant、system、tool_call 或 tool_response"
    }
    UnknownRole {
        "a role nobody knows: {}", "未知的角色：{}",
        "write user, assistant, system, tool_call or tool_response", "写 user、assistant、system、tool_call 或 tool_response"
    }
    SystemNotFirst {
        "a system turn that is not the first", "system 轮不在最前",
        "put it first, and only one of them", "将其放在最前，且只有一个"
    }
    ContentMissing {
        "the content is missing or null", "content 缺失或为 null",
        "write a text, \"\" for an empty one", "写成文本，空文本写 \"\""
    }
    ContentNotText {
        "the content is {}", "content 是{}",
        "write a text in double quotes", "写成双引号中的文本"
    }
    BadContentPart {
        "a content part that is not read: {}", "无法读取的 content 片段：{}",
        "write {\"type\": \"text\", \"text\": \"…\"} or {\"type\": \"image\", \"image\": \"path\"}", "写成 {\"type\": \"text\", \"text\": \"…\"} 或 {\"type\": \"image\", \"image\": \"路径\"}"
    }
    EmptyAnswer {
        "an empty assistant turn", "空的 assistant 轮",
        "write the answer, or remove the turn", "写出回答，或删除该轮"
    }
    NoAnswer {
        "the row ends without an answer: nothing of it is trained", "该行没有回答：不会训练任何内容",
        "add an assistant turn (or a solution, for GRPO)", "添加 assistant 轮（GRPO 则添加 solution）"
    }
    TurnOrder {
        "a {} turn cannot stand here", "此处不能是 {} 轮",
        "let user (or tool results) and assistant take turns", "让 user（或工具结果）与 assistant 交替"
    }
    ResultFirst {
        "a tool result without a call before it", "工具结果之前没有调用",
        "put a tool_call turn before it", "在其之前加一个 tool_call 轮"
    }
    PairIncomplete {
        "a pair without {}", "一对中缺少 {}",
        "write both sides of each pair, or role and content", "每一对都写全，或使用 role 和 content"
    }
    ToolsNotJson {
        "tools is a text that is no JSON: {}", "tools 是文本但不是 JSON：{}",
        "write the list of schemas as JSON text, for example json.dumps(tools)", "将 schema 列表写成 JSON 文本，例如 json.dumps(tools)"
    }
    ToolsNotObjects {
        "a tool that is {}", "某个工具是{}",
        "each tool is an object: {\"type\": \"function\", \"function\": {\"name\": …}}", "每个工具是一个对象：{\"type\": \"function\", \"function\": {\"name\": …}}"
    }
    ToolsObject {
        "tools is one object", "tools 是单个对象",
        "write a JSON text of a list: \"[{…}]\"", "写成列表的 JSON 文本：\"[{…}]\""
    }
    ToolsList {
        "tools is a list, not a JSON text", "tools 是列表，不是 JSON 文本",
        "write it as JSON text in all rows, for example json.dumps(tools)", "所有行都写成 JSON 文本，例如 json.dumps(tools)"
    }
    ToolsPython {
        "tools is written as Python writes lists: {}", "tools 是 Python 的写法：{}",
        "write JSON text: json.dumps(tools), not str(tools)", "写成 JSON 文本：json.dumps(tools)，而不是 str(tools)"
    }
    ToolWithoutName {
        "a tool without a name", "工具没有名称",
        "write \"name\" into its function", "在 function 中写 \"name\""
    }
    CallNotJson {
        "the tool_call is no JSON: {}", "tool_call 不是 JSON：{}",
        "write {\"name\": \"…\", \"arguments\": {…}} as JSON text", "以 JSON 文本写 {\"name\": \"…\", \"arguments\": {…}}"
    }
    CallNotObject {
        "the tool_call is {}", "tool_call 是{}",
        "one call per turn: {\"name\": \"…\", \"arguments\": {…}}; parallel calls are several turns", "每轮一个调用：{\"name\": \"…\", \"arguments\": {…}}；并行调用写成多轮"
    }
    CallWithoutName {
        "the call has no name", "调用没有 name",
        "write \"name\"", "写出 \"name\""
    }
    CallWithoutArguments {
        "the call has no arguments", "调用没有 arguments",
        "write \"arguments\": {} where there are none", "没有参数时写 \"arguments\": {}"
    }
    CallArgumentsNotJson {
        "the arguments are no JSON: {}", "arguments 不是 JSON：{}",
        "write an object: {\"x\": 1}", "写成对象：{\"x\": 1}"
    }
    CallIsObject {
        "the content of the tool_call is an object, not a text", "tool_call 的 content 是对象而不是文本",
        "write it as JSON text, as 3.x needs", "写成 JSON 文本（3.x 需要）"
    }
    OpenaiCallsLost {
        "tool_calls of OpenAI's form, which this version removes", "OpenAI 形式的 tool_calls，该版本会将其删除",
        "write a turn {\"role\": \"tool_call\", \"content\": \"{\\\"name\\\": …, \\\"arguments\\\": …}\"} per call", "每个调用写一轮 {\"role\": \"tool_call\", \"content\": \"{\\\"name\\\": …, \\\"arguments\\\": …}\"}"
    }
    FunctionCallLost {
        "function_call is not read", "function_call 不会被读取",
        "write a tool_call turn", "写成 tool_call 轮"
    }
    UnknownTool {
        "the call names {}, which is not in tools", "调用了 {}，但 tools 中没有",
        "add its schema to tools, or mend the name", "在 tools 中加入它的 schema，或修正名称"
    }
    CallsWithoutTools {
        "calls, but no tools", "有调用，但没有 tools",
        "add the column tools", "添加 tools 列"
    }
    ResultsDoNotMatch {
        "{} tool results", "{} 个工具结果",
        "write one tool_response per tool_call, in the same order", "每个 tool_call 对应一个 tool_response，顺序相同"
    }
    LossNotBool {
        "loss is {}", "loss 是{}",
        "write true or false", "写 true 或 false"
    }
    LossNotRead {
        "loss is {}, which cannot be a number", "loss 是{}，无法转换为数字",
        "write true or false", "写 true 或 false"
    }
    LossWeightIgnored {
        "loss is {}: with the default loss_scale it counts as trained or not, not as a weight", "loss 是{}：默认 loss_scale 下只表示训练与否，而不是权重",
        "write true or false; for weights, loss_scale in 4.2 or later", "写 true 或 false；权重请在 4.2 及以后使用 loss_scale"
    }
    LossScaleIgnored {
        "loss_scale of a turn, which this version removes", "轮次的 loss_scale，该版本会将其删除",
        "use --loss_scale, or a version from 4.2 on", "使用 --loss_scale，或 4.2 及以后的版本"
    }
    LossScaleNotNumber {
        "loss_scale is {}", "loss_scale 是{}",
        "write a number", "写成数字"
    }
    LossElsewhere {
        "loss on a {} turn has no effect", "{} 轮上的 loss 无效",
        "put it on assistant turns", "放在 assistant 轮上"
    }
    AllMasked {
        "every assistant turn has loss false", "所有 assistant 轮的 loss 都为 false",
        "set one to true, or remove the row", "将其中一个设为 true，或删除该行"
    }
    MediaNotRead {
        "{} cannot be read as files", "{} 无法作为文件读取",
        "write a list of paths or URLs", "写成路径或 URL 的列表"
    }
    MoreTags {
        "{}", "{}",
        "one tag per file", "每个文件一个标签"
    }
    FewerTags {
        "{}", "{}",
        "one tag per file; missing ones are put before the first turn", "每个文件一个标签；缺少的会加在第一轮之前"
    }
    TagWithoutMedia {
        "{} without a file: it stays as plain text", "{} 没有对应的文件：将作为普通文本保留",
        "add the column with the paths, or remove the tag", "添加对应的路径列，或删除标签"
    }
    ObjectsNotRead {
        "objects {}", "objects {}",
        "write {\"ref\": […], \"bbox\": [[x1, y1, x2, y2], …]}", "写成 {\"ref\": […], \"bbox\": [[x1, y1, x2, y2], …]}"
    }
    RejectedMissing {
        "no rejected answer, but other rows of the file have one", "没有 rejected 回答，而文件中其他行有",
        "add it, or put the row into a file of its own", "补上，或将该行放进单独的文件"
    }
    RejectedEqual {
        "the rejected answer equals the chosen one", "rejected 回答与选中的回答相同",
        "write another one, or remove the row", "写不同的回答，或删除该行"
    }
    RejectedNotText {
        "rejected_response is {}", "rejected_response 是{}",
        "write a text, or rejected_messages", "写成文本，或使用 rejected_messages"
    }
    RejectedNotRead {
        "the rejected turns: {}", "rejected 轮次：{}",
        "write them as messages are written", "按 messages 的写法书写"
    }
    LabelMissing {
        "no label, but other rows of the file have one", "没有 label，而文件中其他行有",
        "write true or false: KTO cannot begin without", "写 true 或 false：否则 KTO 无法开始"
    }
    LabelNotBool {
        "label is {}", "label 是{}",
        "write true or false", "写 true 或 false"
    }
    MarginNotNumber {
        "margin is {}", "margin 是{}",
        "write a number", "写成数字"
    }
    EmptyRow {
        "no text in any column that ms-swift reads", "ms-swift 读取的列中没有任何文本",
        "write query and response, or messages", "写 query 和 response，或 messages"
    }
    QueryNotText {
        "the question is {}", "问题是{}",
        "write a text", "写成文本"
    }
    ResponseNotText {
        "the answer is {}", "回答是{}",
        "write a text", "写成文本"
    }
    ResponseList {
        "the answer is a list, of which one is taken", "回答是列表，只取其中一个",
        "write one text per row", "每行写一个文本"
    }
    HistoryNotRead {
        "history is {}", "history 是{}",
        "write [[\"question\", \"answer\"], …]", "写成 [[\"问题\", \"回答\"], …]"
    }
    SystemNotText {
        "system is {}", "system 是{}",
        "write a text", "写成文本"
    }
}

impl Kind {
    /// The sentence about what was found; `detail` in both languages.
    pub(super) fn found(self, detail: &Text) -> Text {
        let [en, zh, ..] = self.words();
        Text::new(en.replace("{}", &detail.en), zh.replace("{}", &detail.zh))
    }

    /// What to write instead.
    pub fn write(self) -> Text {
        let [_, _, en, zh] = self.words();
        Text::new(en, zh)
    }
}
