//! The column `tools`: JSON inside a text, or a list.

use super::json;
use super::kind::Kind;
use super::notes::both;
use super::report::Effect;
use super::rows::{Here, Rules};
use super::text::{excerpt, outer, python};
use super::values::describe;
use super::view::View;

impl Rules {
    /// The column `tools`: what a release makes of it. Fills the names of the tools.
    pub(super) fn tools(&mut self, row: View, here: &mut Here) {
        self.tool_names.clear();
        let tools = row.get("tools").filter(|tools| !tools.is_null());
        self.has_tools = tools.is_some();
        let Some(tools) = tools else {
            return;
        };
        let at = tools.start();
        let path = || "tools".to_owned();
        match tools.kind() {
            json::Kind::Text => self.written_tools(tools, here),
            json::Kind::Array => {
                if !self.traits.normalizes_tools && !tools.is_empty() {
                    here.add(Kind::ToolsList, Effect::Kept, at, path, || both(""));
                }
                for (n, tool) in tools.items().enumerate() {
                    self.tool(tool, n, None, here);
                }
            }
            json::Kind::Object if self.traits.normalizes_tools => {
                here.add(Kind::ToolsObject, Effect::Kept, at, path, || both(""));
                self.tool(tools, 0, None, here);
            }
            json::Kind::Object => {
                here.add(Kind::ToolsObject, Effect::Dropped, at, path, || both(""))
            }
            _ => here.add(Kind::ToolsNotObjects, Effect::Dropped, at, path, || {
                describe(tools)
            }),
        }
    }

    fn written_tools(&mut self, tools: View, here: &mut Here) {
        let (raw, at) = (tools.raw(), tools.start());
        let text = tools.str().unwrap_or_default();
        let mut inner = std::mem::take(&mut self.inner);
        let path = || "tools".to_owned();
        match json::read(&mut inner, text.as_bytes()) {
            Ok(()) => {
                let root = inner.root(text.as_bytes());
                if root.kind() == json::Kind::Array {
                    for (n, tool) in root.items().enumerate() {
                        // Before 4.5 the members of a list inside a text are not read once more.
                        if tool.kind() == json::Kind::Text && !self.traits.normalizes_tools {
                            here.add(Kind::ToolsNotObjects, Effect::Dropped, at, path, || {
                                describe(tool)
                            });
                        } else {
                            self.tool(tool, n, Some(at), here);
                        }
                    }
                } else {
                    self.tool(root, 0, Some(at), here);
                }
            }
            // Before 4.5 an empty text is no tools; after, it is a tool that cannot be read.
            Err(_) if text.is_empty() && !self.traits.normalizes_tools => {}
            Err(fault) => {
                let written =
                    python(&text).filter(|list| json::read(&mut inner, list.as_bytes()).is_ok());
                let is_object = written.is_some() && inner.tape[0].kind == json::Kind::Object;
                match written {
                    Some(_) if !self.traits.normalizes_tools || is_object => {
                        here.add(Kind::ToolsPython, Effect::Kept, at, path, || {
                            both(excerpt(raw))
                        });
                    }
                    Some(_) => here.add(Kind::ToolsPython, Effect::Dropped, at, path, || {
                        both(excerpt(raw))
                    }),
                    None => {
                        let at = at + 1 + outer(raw, fault.at);
                        here.add(Kind::ToolsNotJson, Effect::Dropped, at, path, || {
                            both(excerpt(raw))
                        });
                    }
                }
            }
        }
        self.inner = inner;
    }

    fn tool(&mut self, tool: View, n: usize, fixed: Option<usize>, here: &mut Here) {
        let at = fixed.unwrap_or(tool.start());
        let path = || format!("tools[{n}]");
        match tool.kind() {
            json::Kind::Object => {
                let function = match (tool.get("type"), tool.get("function")) {
                    (Some(_), Some(function)) => function,
                    _ => tool,
                };
                match function
                    .get("name")
                    .or_else(|| function.get("name_for_model"))
                    .and_then(View::str)
                {
                    Some(name) => self.tool_names.push(name.into_owned()),
                    None => here.add(Kind::ToolWithoutName, Effect::Kept, at, path, || both("")),
                }
            }
            // A text inside the list is read once more.
            json::Kind::Text => {
                let text = tool.str().unwrap_or_default();
                let mut parser = json::Parser::default();
                let written = match json::read(&mut parser, text.as_bytes()) {
                    Ok(()) => Some(text.to_string()),
                    Err(_) => python(&text)
                        .filter(|list| json::read(&mut parser, list.as_bytes()).is_ok()),
                };
                let root = written.as_ref().map(|text| parser.root(text.as_bytes()));
                match root.filter(|root| root.kind() == json::Kind::Object) {
                    Some(root) => self.tool(root, n, Some(at), here),
                    None => here.add(Kind::ToolsNotObjects, Effect::Dropped, at, path, || {
                        describe(tool)
                    }),
                }
            }
            _ => here.add(Kind::ToolsNotObjects, Effect::Dropped, at, path, || {
                describe(tool)
            }),
        }
    }
}
