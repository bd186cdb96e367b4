//! Words of logging in and of the settings.

texts! {
    log_in_title => "Log in", "登录";
    log_in => "Log in", "登录";
    log_out => "Log out", "退出登录";
    user_name => "Name", "用户名";
    password => "Password", "密码";
    setup_title => "Make the first account", "创建第一个账户";
    setup_lead => "This link works once. The account made here is the administrator of this console.", "此链接只能使用一次。这里创建的账户是本控制台的管理员。";
    setup_password_help => "At least 10 characters.", "至少 10 个字符。";
    setup_submit => "Make the account", "创建账户";
    setup_no_link => "Open this page with the one-time link that the console printed when it started.", "请使用控制台启动时打印的一次性链接打开本页。";
    problem_wrong => "This name and password do not belong together. Check both and try again.", "用户名与密码不匹配，请检查后重试。";
    problem_slow => "Too many attempts. Wait a minute and try again.", "尝试次数过多，请一分钟后再试。";
    problem_link => "This link was used already or is not from this console. Log in, or start the console again for a new link.", "此链接已被使用，或不属于本控制台。请直接登录，或重启控制台以获得新链接。";
    problem_name => "Choose a name of 1 to 64 characters that nobody here has.", "请填写 1–64 个字符、且未被占用的用户名。";
    problem_password => "The password is too short: at least 10 characters.", "密码太短：至少 10 个字符。";
    problem_other => "The console refused this. Try again.", "控制台拒绝了此操作，请重试。";
    api_keys => "API keys", "API 密钥";
    api_keys_lead => "A key lets a program do over HTTP what you may do here. Its text is shown once.", "密钥让程序通过 HTTP 以您的权限操作。密钥内容只显示一次。";
    api_key_new => "Make a key", "创建密钥";
    api_key_name_help => "What it is for, e.g. nightly-run", "用途，例如 nightly-run";
    api_key_shown_once => "Copy it now; it will not be shown again.", "请立即复制，之后不会再显示。";
    api_key_revoke => "Revoke", "吊销";
    api_key_revoke_help => "Programs that use it are refused from now on.", "使用它的程序将立即被拒绝。";
    api_key_last_used => "Last used", "上次使用";
    api_key_never_used => "never", "从未";
    api_keys_none => "No keys yet.", "还没有密钥。";
}
