//! What kept a machine from answering, as a person reads it.

use domain::language::Text;

use super::HostError;

impl HostError {
    /// A fragment that reads well after "does not answer:". What a program said itself is quoted.
    pub fn text(&self) -> Text {
        let zh = match self {
            HostError::UnknownHost(host) => format!("找不到主机 {host}"),
            HostError::Refused { address, why } => format!("{address} 拒绝连接（{why}）"),
            HostError::HostKeyChanged => "主机密钥已改变".to_owned(),
            HostError::KeyRefused(user) => format!("主机不接受用户 {user} 使用该密钥"),
            HostError::KeyUnreadable(why) => format!("无法读取私钥（{why}）"),
            HostError::TimedOut(after) => format!("{} 秒内没有响应", after.as_secs()),
            HostError::Busy(after) => {
                format!("{} 秒内该节点的所有会话都在使用中", after.as_secs())
            }
            HostError::Broken(why) => format!("连接中断（{why}）"),
        };
        Text::new(self.to_string(), zh)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_machine_that_does_not_answer_is_said_in_both_languages() {
        let text = HostError::TimedOut(Duration::from_secs(20)).text();
        assert_eq!(text, Text::new("no answer within 20 s", "20 秒内没有响应"));
    }
}
