"""Dataset files, good and bad, for scripts/test_datasets.py.

Most hold a good row before (G0) and after (G1) the row at hand, whose texts hold T, so that what is left after loading says which rows
were lost. `write(folder)` makes the files.
"""

import json
import pathlib
import struct
import zlib


def J(value):
    return json.dumps(value, ensure_ascii=False).encode()


def M(*turns, **columns):
    return {"messages": list(turns), **columns}


def G(n):
    return M({"role": "user", "content": f"G{n}"}, {"role": "assistant", "content": "ok"})


U = {"role": "user", "content": "T"}
A = {"role": "assistant", "content": "yes"}
TOOLS = [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}}]
TC = {"role": "tool_call", "content": json.dumps({"name": "f", "arguments": {"x": 1}})}
TR = {"role": "tool_response", "content": json.dumps({"r": 2})}
OC = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}]}
cases = {}


def raw(name, data, ending="jsonl"):
    cases[f"{name}.{ending}"] = data


def case(name, target, good=(0, 1), raw=False, sep=b"\n", gmake=G, prefix=b"", end=b"\n"):
    lines = [J(gmake(n)) for n in good]
    lines.insert(1, target if raw else J(target))
    cases[name + ".jsonl"] = prefix + sep.join(lines) + end


def alone(name, *rows):
    cases[name + ".jsonl"] = b"".join(J(row) + b"\n" for row in rows)


def pair(name, target):
    case(name, target, gmake=Q)


def alpaca(name, target):
    case(name, target, gmake=AL)


def dpo(name, target):
    case(name, target, gmake=R)


def dpo_turns(name, target):
    case(name, target, gmake=RM)


def kto(name, target):
    case(name, target, gmake=K)


def png():
    """One grey pixel."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")


# messages
case("ok", M(U, A))
case("ok_system", M({"role": "system", "content": "S"}, U, A))
case("ok_multi", M(U, A, U, A))
case("system_column", M(U, A, system="S"))
case("human_gpt", {"messages":[{"role": "human", "content": "T"}, {"role": "gpt", "content": "y"}]})
case("from_value", {"messages":[{"from":"human", "value":"T"}, {"from":"gpt", "value":"y"}]})
case("conversations_col", {"conversations":[{"from":"human", "value":"T"}, {"from":"gpt", "value":"y"}]})
alone("conversations", {"conversations":[{"from":"human", "value":"T"}, {"from":"gpt", "value":"y"}]})
alone("conversations_system", {"system":"S", "conversations":[{"from":"human", "value":"T"}, {"from":"gpt", "value":"y"}]})
alone("sharegpt_pairs", {"conversations":[{"human":"T", "assistant":"y"}]})
alone("conversations_tools", {"conversations":[{"from":"human", "value":"T"}, {"from":"function_call", "value":TC["content"]}, {"from":"observation", "value":"o"}, {"from":"gpt", "value":"y"}], "tools":json.dumps(TOOLS)})
case("empty_messages", {"messages":[]})
case("null_messages", {"messages":None})
case("no_messages", {"foo":1})
case("empty_object", {})
case("messages_string_json", {"messages":json.dumps([U, A])})
alone("messages_string_json_all", {"messages":json.dumps([U, A])})
alone("messages_string_py_all", {"messages":str([U, A])})
alone("messages_string_bad_all", {"messages":"hello T"}, {"messages":json.dumps([U, A])})
case("messages_object", {"messages":{"role": "user", "content": "T"}})
case("messages_number", {"messages":3})
case("message_is_string", {"messages":["T", "y"]})
case("unknown_role", M(U, {"role": "narrator", "content": "x"}, A))
case("unknown_role_first", M({"role": "bogus", "content": "T"}, A))
case("role_developer", M({"role": "developer", "content": "S"}, U, A))
case("role_upper", M({"role": "User", "content": "T"}, A))
case("role_null", M({"role":None, "content": "T"}, A))
case("role_missing", M({"content": "T"}, A))
case("role_number", M({"role":1, "content": "T"}, A))
alone("role_missing_all", M({"content": "T"}, {"content": "y"}))
alone("content_missing_all", M({"role": "user"}, {"role": "assistant"}))
case("system_middle", M(U, {"role": "system", "content": "S"}, A))
case("system_middle2", M(U, A, {"role": "system", "content": "S"}, U, A))
case("system_last", M(U, A, {"role": "system", "content": "S"}))
case("two_systems", M({"role": "system", "content": "S"}, {"role": "system", "content": "S2"}, U, A))
case("only_system", M({"role": "system", "content": "T"}))
case("only_user", M(U))
case("only_assistant", M({"role": "assistant", "content": "T"}))
case("content_null_assistant", M(U, {"role": "assistant", "content":None}))
case("content_null_user", M({"role": "user", "content":None}, {"role": "assistant", "content": "T"}))
case("content_missing", M(U, {"role": "assistant"}))
case("content_empty_assistant", M(U, {"role": "assistant", "content": ""}))
case("content_empty_user", M({"role": "user", "content": ""}, {"role": "assistant", "content": "T"}))
case("content_number", M(U, {"role": "assistant", "content":5}))
case("content_bool", M(U, {"role": "assistant", "content":True}))
case("content_object", M(U, {"role": "assistant", "content":{"a":1}}))
case("content_parts", M({"role": "user", "content":[{"type":"text", "text":"T"}]}, A))
alone("content_parts_all", M({"role": "user", "content":[{"type":"text", "text":"T"}]}, {"role": "assistant", "content":[{"type":"text", "text":"y"}]}))
case("content_list_str", M({"role": "user", "content":["T"]}, A))
case("content_number_user", M({"role": "user", "content":7}, A))
alone("content_number_all", M({"role": "user", "content":7}, {"role": "assistant", "content":8}))
case("no_assistant", M(U, U))
case("starts_assistant", M({"role": "assistant", "content": "T"}, U, A))
case("two_users", M(U, U, A))
case("two_assistants", M(U, A, A))
case("ends_user", M(U, A, U))
case("system_then_assistant", M({"role": "system", "content": "S"}, {"role": "assistant", "content": "T"}))
# tools
TM=[U, TC, TR, A]
case("tools_ok", M(*TM, tools=json.dumps(TOOLS)))
case("tools_list", M(*TM, tools=TOOLS))
case("tools_object", M(*TM, tools=TOOLS[0]))
case("tools_bad_string", M(*TM, tools="not json"))
case("tools_empty_string", M(*TM, tools=""))
case("tools_empty_list_str", M(*TM, tools="[]"))
case("tools_null", M(*TM, tools=None))
case("tools_number", M(*TM, tools=3))
case("tools_str_number", M(*TM, tools="3"))
case("tools_str_object", M(*TM, tools=json.dumps(TOOLS[0])))
case("tools_py_string", M(*TM, tools=str(TOOLS)))
case("tools_list_of_strings", M(*TM, tools=[json.dumps(TOOLS[0])]))
case("tools_unwrapped", M(*TM, tools=json.dumps([TOOLS[0]["function"]])))
case("tools_str_list_str", M(*TM, tools=json.dumps(["f"])))
case("tools_noname", M(*TM, tools=json.dumps([{"description":"d"}])))
case("tools_list_bad_str", M(*TM, tools=["nope"]))
cases["tools_mixed.jsonl"] = J(M(*TM, tools=json.dumps(TOOLS)))+b"\n"+J(M(*TM, tools=TOOLS))+b"\n"
cases["tools_mixed2.jsonl"] = J(M(*TM, tools=TOOLS))+b"\n"+J(M(*TM, tools=json.dumps(TOOLS)))+b"\n"
T2=[{"type":"function", "function":{"name":"g", "description":"d", "parameters":{"type":"object", "properties":{"y":{"type":"string"}}}}}]
cases["tools_list_hetero.jsonl"] = J(M(*TM, tools=TOOLS))+b"\n"+J(M(*TM, tools=T2))+b"\n"
case("tool_call_bad", M(U, {"role": "tool_call", "content": "f(x=1)"}, TR, A, tools=json.dumps(TOOLS)))
case("tool_call_object", M(U, {"role": "tool_call", "content":{"name":"f", "arguments":{"x":1}}}, TR, A, tools=json.dumps(TOOLS)))
case("tool_call_noname", M(U, {"role": "tool_call", "content": "{\"arguments\":{}}"}, TR, A))
case("tool_call_noargs", M(U, {"role": "tool_call", "content": "{\"name\":\"f\"}"}, TR, A))
case("tool_call_params", M(U, {"role": "tool_call", "content": "{\"name\":\"f\", \"parameters\":{\"x\":1}}"}, TR, A))
case("tool_call_py", M(U, {"role": "tool_call", "content": "{'name':'f','arguments':{'x':1}}"}, TR, A))
case("tool_call_args_str", M(U, {"role": "tool_call", "content": "{\"name\":\"f\", \"arguments\":\"{\\\"x\\\":1}\"}"}, TR, A))
case("tool_call_args_badstr", M(U, {"role": "tool_call", "content": "{\"name\":\"f\", \"arguments\":\"x=1\"}"}, TR, A))
case("tool_call_args_emptystr", M(U, {"role": "tool_call", "content": "{\"name\":\"f\", \"arguments\":\"\"}"}, TR, A))
case("tool_call_args_empty", M(U, {"role": "tool_call", "content": "{\"name\":\"f\", \"arguments\":{}}"}, TR, A))
case("tool_call_list", M(U, {"role": "tool_call", "content":json.dumps([{"name":"f", "arguments":{}}])}, TR, A))
case("tool_call_empty", M(U, {"role": "tool_call", "content": ""}, TR, A))
case("tool_response_text", M(U, TC, {"role": "tool_response", "content": "plain"}, A))
case("tool_response_object", M(U, TC, {"role": "tool_response", "content":{"r":1}}, A))
case("tool_role", M(U, TC, {"role": "tool", "content": "2"}, A))
case("parallel", M(U, TC, TC, TR, TR, A, tools=json.dumps(TOOLS)))
case("parallel_mismatch", M(U, TC, TC, TR, A))
case("tool_call_last", M(U, TC, tools=json.dumps(TOOLS)))
case("tool_resp_after_user", M(U, TR, A))
case("tool_resp_first", M({"role": "tool_response", "content": "T"}, A))
case("tool_call_no_resp", M(U, TC, A))
case("tool_call_then_user", M(U, TC, U, A))
case("tool_resp_last", M(U, TC, TR))
case("function_call_role", M(U, {"role": "function_call", "content":TC["content"]}, {"role": "observation", "content": "o"}, A))
case("function-response", M(U, {"role": "function-call", "content":TC["content"]}, {"role": "function-response", "content": "o"}, A))
case("tool_call_first", M({**TC}, {"role": "tool_response", "content": "T"}, A))
case("assistant_then_tool_call", M(U, A, TC, TR, A))
case("system_tool_resp", M({"role": "system", "content": "T"}, TR, A))
case("openai", M(U, OC, {"role": "tool", "content": "2", "tool_call_id":"1"}, A, tools=json.dumps(TOOLS)))
case("openai_null", M(U, {**OC, "content":None}, {"role": "tool", "content": "2", "tool_call_id":"1"}, A))
case("openai_nocontent", M(U, {k:v for k, v in OC.items() if k!="content"}, {"role": "tool", "content": "2", "tool_call_id":"1"}, A))
case("openai_text", M(U, {**OC, "content": "let me"}, {"role": "tool", "content": "2", "tool_call_id":"1"}, A))
case("openai_args_obj", M(U, {"role": "assistant", "content": "", "tool_calls":[{"id":"1", "function":{"name":"f", "arguments":{"x":1}}}]}, {"role": "tool", "content": "2"}, A))
case("openai_noname", M(U, {"role": "assistant", "content": "", "tool_calls":[{"id":"1", "function":{"arguments":"{}"}}]}, {"role": "tool", "content": "2"}, A))
case("openai_empty_calls", M(U, {"role": "assistant", "content": "yes", "tool_calls":[]}))
case("openai_bad_args", M(U, {"role": "assistant", "content": "", "tool_calls":[{"id":"1", "function":{"name":"f", "arguments":"x="}}]}, {"role": "tool", "content": "2"}, A))
case("function_call_field", M(U, {"role": "assistant", "content": "", "function_call":{"name":"f", "arguments":"{}"}}, A))
case("anthropic", M(U, {"role": "assistant", "content":[{"type":"text", "text":"hm"}, {"type":"tool_use", "id":"1", "name":"f", "input":{"x":1}}]}, {"role": "user", "content":[{"type":"tool_result", "tool_use_id":"1", "content": "2"}]}, A))
# loss
case("loss_false", M(U, {**A, "loss":False}))
case("loss_true", M(U, {**A, "loss":True}))
case("loss_zero", M(U, {**A, "loss":0}))
case("loss_string", M(U, {**A, "loss":"no"}))
case("loss_number", M(U, {**A, "loss":0.5}))
case("loss_null", M(U, {**A, "loss":None}))
case("loss_on_user", M({**U, "loss":True}, A))
case("loss_scale", M(U, {**A, "loss_scale":2.0}))
case("loss_scale_str", M(U, {**A, "loss_scale":"x"}))
case("loss_all_false", M(U, {**A, "loss":False}, U, {**A, "loss":False}))
case("loss_strnum", M(U, {**A, "loss":"1"}))
case("loss_list", M(U, {**A, "loss":[1]}))
case("loss_one_false", M(U, {**A, "loss":False}, U, A))
case("loss_neg", M(U, {**A, "loss":-1}))
# query response
def Q(n):
    return {"query":f"G{n}", "response":"ok"}
pair("qr_ok", {"query":"T", "response":"y"})
pair("qr_null_resp", {"query":"T", "response":None})
pair("qr_missing_resp", {"query":"T"})
pair("qr_empty_resp", {"query":"T", "response":""})
pair("qr_null_query", {"query":None, "response":"T"})
pair("qr_number", {"query":"T", "response":5})
pair("qr_list_resp", {"query":"T", "response":["y"]})
pair("qr_hist", {"query":"T", "response":"y", "history":[["a", "b"]]})
pair("qr_hist_str", {"query":"T", "response":"y", "history":"[['a','b']]"})
pair("qr_hist_bad", {"query":"T", "response":"y", "history":"oops"})
pair("qr_hist_flat", {"query":"T", "response":"y", "history":["a", "b"]})
pair("qr_hist_three", {"query":"T", "response":"y", "history":[["a", "b", "c"]]})
pair("qr_hist_one", {"query":"T", "response":"y", "history":[["a"]]})
pair("qr_hist_null", {"query":"T", "response":"y", "history":None})
pair("qr_system", {"system":"S", "query":"T", "response":"y"})
pair("qr_messages_too", {"query":"T", "response":"y", "messages":[U, A]})
pair("qr_both_null", {"query":None, "response":None})
pair("qr_query_object", {"query":{"a":"T"}, "response":"y"})
pair("qr_hist_dict", {"query":"T", "response":"y", "history":[{"user":"a", "assistant":"b"}]})
alone("qr_list_resp_all", {"query":"T", "response":["y", "y"]})
alone("qr_number_all", {"query":"T", "response":5})
alone("prompt_answer", {"prompt":"T", "answer":"y"})
alone("question_solution", {"question":"T", "solution":"42"})
alone("prompt_completion", {"prompt":"T", "completion":"y"})
alone("problem_answer_solution", {"problem":"T", "answer":"y", "solution":"s"})
alone("text_only", {"text":"T"})
alone("content_only", {"content": "T"})
alone("unknown_columns", {"foo":"T", "bar":"y"})
alone("Query_upper", {"Query":"T", "Response":"y"})
alone("query_prompt_both", {"query":"T", "prompt":"P", "response":"y"})
alone("input_output", {"input":"T", "output":"y"})
alone("instruction_output", {"instruction":"T", "output":"y"})
alone("resp_answer_both", {"query":"T", "response":"y", "answer":"z"})
alone("query_only", {"query":"T"})
alone("prompt_list", {"prompt":[U], "completion":[A]})
# alpaca
def AL(n):
    return {"instruction":f"G{n}", "input":"", "output":"ok"}
alpaca("al_ok", {"instruction":"T", "input":"i", "output":"y"})
alpaca("al_no_input", {"instruction":"T", "output":"y"})
alpaca("al_null_input", {"instruction":"T", "input":None, "output":"y"})
alpaca("al_empty", {"instruction":"", "input":"", "output":"T"})
alpaca("al_null_both", {"instruction":None, "input":None, "output":"T"})
alpaca("al_null_output", {"instruction":"T", "input":"", "output":None})
alpaca("al_number", {"instruction":"T", "input":5, "output":"y"})
alpaca("al_history", {"instruction":"T", "input":"", "output":"y", "history":[["a", "b"]]})
alpaca("al_empty_out", {"instruction":"T", "input":"", "output":""})
# rlhf
def R(n):
    return {**G(n), "rejected_response":"bad"}
dpo("dpo_ok", M(U, A, rejected_response="no"))
dpo("dpo_equal", M(U, A, rejected_response="yes"))
dpo("dpo_null", M(U, A, rejected_response=None))
dpo("dpo_missing", M(U, A))
dpo("dpo_list", M(U, A, rejected_response=["no"]))
dpo("dpo_number", M(U, A, rejected_response=5))
dpo("dpo_empty", M(U, A, rejected_response=""))
dpo("dpo_no_answer", M(U, rejected_response="no"))
dpo("dpo_empty_messages", {"messages":[], "rejected_response":"no"})
alone("dpo_list_all", M(U, A, rejected_response=["no"]))
alone("dpo_list_msgs", M(U, A, rejected_response=[{"role": "assistant", "content": "no"}]))
alone("dpo_list_user", M(U, A, rejected_response=[{"role": "user", "content": "no"}]))
def RM(n):
    return {**G(n), "rejected_messages":[{"role": "user", "content":f"G{n}"}, {"role": "assistant", "content": "bad"}]}
dpo_turns("rm_ok", M(U, A, rejected_messages=[U, {"role": "assistant", "content": "no"}]))
dpo_turns("rm_equal", M(U, A, rejected_messages=[U, A]))
dpo_turns("rm_null", M(U, A, rejected_messages=None))
dpo_turns("rm_empty", M(U, A, rejected_messages=[]))
dpo_turns("rm_unknown_role", M(U, A, rejected_messages=[{"role": "bogus", "content": "T"}, A]))
dpo_turns("rm_content_null", M(U, A, rejected_messages=[U, {"role": "assistant", "content":None}]))
dpo_turns("rm_missing", M(U, A))
dpo_turns("rm_string", M(U, A, rejected_messages="no"))
alone("qr_rejected", {"query":"T", "response":"y", "rejected_response":"n"})
alone("qr_rejected_equal", {"query":"T", "response":"y", "rejected_response":"y"}, {"query":"G1", "response":"y", "rejected_response":"n"})
alone("chosen_rejected", {"prompt":"T", "chosen":"y", "rejected":"n"})
def K(n):
    return {**G(n), "label":True}
kto("kto_ok", M(U, A, label=False))
kto("kto_null", M(U, A, label=None))
kto("kto_missing", M(U, A))
kto("kto_number", M(U, A, label=1))
kto("kto_string", M(U, A, label="good"))
kto("kto_strfalse", M(U, A, label="false"))
alone("grpo_prompt", M({"role": "system", "content": "S"}, U, solution="42"))
alone("grpo_with_answer", M(U, A, solution="42"), M(U, A, solution="43"))
alone("grpo_query", {"query":"T", "solution":"42"})
case("grpo_sol_number", M(U, solution=42), gmake=lambda n:{"messages":[{"role": "user", "content":f"G{n}"}], "solution":"1"})
case("margin", M(U, A, rejected_response="no", margin=0.5))
case("margin_str", M(U, A, rejected_response="no", margin="x"), gmake=lambda n:{**R(n), "margin":1.0})
case("channel", M(U, A, channel="math"))
case("channel_number", M(U, A, channel=3))
case("extra_message_key", M({**U, "weight":1, "name":"bob"}, A))
case("extra_column", M(U, A, id=7, meta={"a":1}))
case("extra_column_types", M(U, A, id="x"), gmake=lambda n:{**G(n), "id":n})
case("extra_column_struct", M(U, A, meta={"b":[1]}), gmake=lambda n:{**G(n), "meta":{"a":"x"}})
case("extra_column_liststr", M(U, A, meta=["x"]), gmake=lambda n:{**G(n), "meta":"x"})
# media (text template: only loading)
case("image_ok", M({"role": "user", "content": "<image>T"}, A, images=["/x.jpg"]))
case("image_str", M({"role": "user", "content": "<image>T"}, A, images="/x.jpg"))
case("image_more_tags", M({"role": "user", "content": "<image><image>T"}, A, images=["/x.jpg"]))
case("image_fewer_tags", M(U, A, images=["/x.jpg", "/y.jpg"]))
case("image_key", M({"role": "user", "content": "<image>T"}, A, image="/x.jpg"))
case("image_tag_noimage", M({"role": "user", "content": "<image>T"}, A))
case("image_null", M(U, A, images=None))
case("image_empty", M(U, A, images=[]))
case("image_dict", M({"role": "user", "content": "<image>T"}, A, images=[{"path":"/x.jpg", "bytes":None}]))
case("image_number", M({"role": "user", "content": "<image>T"}, A, images=[5]))
case("video_ok", M({"role": "user", "content": "<video>T"}, A, videos=["/x.mp4"]))
case("audio_str", M({"role": "user", "content": "<audio>T"}, A, audios="/x.wav"))
case("objects_ok", M({"role": "user", "content": "<image>T<ref-object><bbox>"}, A, images=["/x.jpg"], objects={"ref":["a"], "bbox":[[1,2,3,4]]}))
case("objects_bad_box", M(U, A, images=["/x.jpg"], objects={"ref":["a"], "bbox":[[1,2,3]]}))
case("objects_nobbox", M(U, A, objects={"ref":["a"]}))
case("image_null_in", M(U, A, images=[None]))
# bytes
case("dup_key", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "b"}]}', raw=True)
case("dup_key_inner", b'{"messages":[{"role": "user", "role": "assistant", "content": "T"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("dup_content", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a", "content": "b"}]}', raw=True)
case("half_line", b'{"messages":[{"role": "user", "content": "T"},', raw=True)
case("half_last", J(M(U, A))[:30], raw=True, good=(0,), end=b"")
case("trailing_garbage", J(M(U, A))+b" xyz", raw=True)
case("two_objects", J(M(U, A))+J(M(U, A)), raw=True)
case("trailing_comma", J(M(U, A))+b", ", raw=True)
case("single_quotes", str(M(U, A)).encode(), raw=True)
case("nan", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "margin":NaN}', raw=True)
case("infinity", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "margin":-Infinity}', raw=True)
case("bignum", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "margin":1e999}', raw=True)
case("bigint", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "id":123456789012345678901234567890}', raw=True)
case("comment", b'// T', raw=True)
case("string_line", b'"T"', raw=True)
case("number_line", b'5', raw=True)
case("null_line", b'null', raw=True)
case("array_line", J([M(U, A)]), raw=True)
case("empty_array_line", b'[]', raw=True)
case("blank", b"", raw=True)
case("blank_spaces", b"   ", raw=True)
case("raw_text", b"hello T", raw=True)
case("bom", M(U, A), prefix=b"\xef\xbb\xbf")
case("crlf", M(U, A), sep=b"\r\n", end=b"\r\n")
case("cr_only", M(U, A), sep=b"\r", end=b"\r")
case("no_final_newline", M(U, A), end=b"")
case("blank_end", M(U, A), end=b"\n\n\n")
case("nul_end", M(U, A), end=b"\n\x00\x00")
raw("utf16", b"\xff\xfe"+"\n".join(J(G(n)).decode() for n in (0,1)).encode("utf-16-le"))
raw("utf16be", b"\xfe\xff"+"\n".join(J(G(n)).decode() for n in (0,1)).encode("utf-16-be"))
raw("utf16_nobom", "\n".join(J(G(n)).decode() for n in (0,1)).encode("utf-16-le"))
case("latin1", b'{"messages":[{"role": "user", "content": "T\xe9"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("nul_in_string", b'{"messages":[{"role": "user", "content": "T\x00"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("nul_escaped", b'{"messages":[{"role": "user", "content": "T\\u0000"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("lone_surrogate", b'{"messages":[{"role": "user", "content": "T\\ud800"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("low_surrogate", b'{"messages":[{"role": "user", "content": "T\\udc00"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("pair", b'{"messages":[{"role": "user", "content": "T\\ud83d\\ude00"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("cesu", b'{"messages":[{"role": "user", "content": "T\xed\xa0\x80"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("control_char", b'{"messages":[{"role": "user", "content": "T\x01"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("tab_in_string", b'{"messages":[{"role": "user", "content": "T\t"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("bad_escape", b'{"messages":[{"role": "user", "content": "T\\q"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("bad_unicode_escape", b'{"messages":[{"role": "user", "content": "T\\u12"}, {"role": "assistant", "content": "a"}]}', raw=True)
case("deep", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "x":'+b"["*200+b"]"*200+b"}", raw=True)
case("deep_bomb", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "x":'+b"["*100000+b"]"*100000+b"}", raw=True)
raw("empty", b"")
raw("only_blank", b"\n\n")
raw("only_bom", b"\xef\xbb\xbf")
raw("json_array", J([G(0), G(1)]), "json")
raw("json_array_pretty", json.dumps([G(0), G(1)], indent=1).encode(), "json")
raw("json_object_pretty", json.dumps(G(0), indent=1).encode(), "json")
raw("json_lines", J(G(0))+b"\n"+J(G(1))+b"\n", "json")
raw("json_array_ws", b"  "+J([G(0), G(1)]), "json")
raw("json_array_half", J([G(0), G(1)])[:-10], "json")
raw("json_array_garbage", J([G(0), G(1)])+b" x", "json")
raw("json_strings", b'["a", "b"]', "json")
raw("json_array_mixed", J([G(0),5]), "json")
raw("json_empty_array", b"[]", "json")
raw("pretty_jsonl", json.dumps(G(0), indent=1).encode())
raw("array_jsonl", J([G(0), G(1)]))
raw("json_columns", J({"query":["G0", "G1"], "response":["a", "b"]}), "json")
raw("bom_array", b"\xef\xbb\xbf"+J([G(0), G(1)]), "json")
raw("json_array_bad_row", J([G(0), M({"role": "bogus", "content": "T"}, A)]), "json")
raw("all_bad", J(M({"role": "bogus", "content": "x"}, A))+b"\n")
raw("nested_json", J({"data":[G(0), G(1)]}), "json")
raw("txt", b"G0 line\nG1 line\n", "txt")
raw("txt_empty_lines", b"G0\n\nG1\n", "txt")

def big(n):
    return {"messages":[{"role": "user", "content":f"G{n%2} "+"x"*2000}, {"role": "assistant", "content": "ok"}]}


def late(name, target, n=5600, make=big):
    cases[name+".jsonl"] = b"".join(J(make(i))+b"\n" for i in range(n)) + J(target)+b"\n"
late("late_column", {**M(U, A), "system":"S"})
late("late_unknown_column", {**M(U, A), "id":1})
late("late_msg_key", M(U, {**A, "loss":False}))
late("late_msg_unknown_key", M(U, {**A, "weight":1}))
late("late_null_type", {**M(U, A), "system":"S"}, make=lambda i:{**big(i), "system":None})
late("late_type_num_str", {**M(U, A), "id":"x"}, make=lambda i:{**big(i), "id":i})
late("late_type_str_num", {**M(U, A), "id":3}, make=lambda i:{**big(i), "id":"x"})
late("late_content_number", M(U, {**A, "content":5}))
late("late_content_obj", M(U, {**A, "content":{"a":1}}))
late("late_half", M(U, A))
cases["late_half.jsonl"]=cases["late_half.jsonl"][:-20]
late("late_missing_column", M(U, A), make=lambda i:{**big(i), "system":"s"})
late("late_tools_list", M(*TM, tools=TOOLS), make=lambda i:{**big(i), "tools":json.dumps(TOOLS)})
late("late_tools_null", M(*TM, tools=json.dumps(TOOLS)), make=lambda i:{**big(i), "tools":None})
late("late_int_float", {**M(U, A), "id":1.5}, make=lambda i:{**big(i), "id":i})
late("late_tools_newkey", M(*TM, tools=T2), make=lambda i:{**big(i), "tools":TOOLS})
late("late_empty_list", {**M(U, A), "images":["/x"]}, make=lambda i:{**big(i), "images":[]})
late("late_ok", M(U, A))
late("late_messages_empty", {"messages":[]})
late("late_null_content", M(U, {**A, "content":None}))
# a type that changes between blocks of the first chunk


def mid(name, target, make=big):
    cases[name+".jsonl"]=b"".join(J(make(i))+b"\n" for i in range(400))+J(target)+b"\n"+b"".join(J(make(i))+b"\n" for i in range(400))
mid("mid_late_column", {**M(U, A), "system":"S"})
mid("mid_content_number", M(U, {**A, "content":5}))
mid("mid_id_type", {**M(U, A), "id":"x"}, make=lambda i:{**big(i), "id":i})
mid("mid_null_then", {**M(U, A), "system":"S"}, make=lambda i:{**big(i), "system":None})
mid("mid_msg_key", M(U, {**A, "loss":False}))
# pretty in a larger file
cases["pretty_many.jsonl"]=b"".join(json.dumps(big(i), indent=1).encode()+b"\n" for i in range(400))
cases["cr_many.jsonl"]=b"\r".join(J(big(i)) for i in range(400))
cases["long_row.jsonl"]=J(G(0))+b"\n"+J(M({"role": "user", "content": "T"+"y"*1500000}, A))+b"\n"+J(G(1))+b"\n"
late("late_file_twoobj", M(U, A))
cases["late_file_twoobj.jsonl"]+=J(M(U, A))+J(M(U, A))+b"\n"
for d in (8,16,24,32,40,48,56,60,62,64,66,72,100):
    case(f"deep{d}", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "x":'+b"["*d+b"]"*d+b"}", raw=True)
for d in (20,60):
    case(f"deepobj{d}", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "x":'+b'{"a":'*d+b"1"+b"}"*d+b"}", raw=True)
# arrays


def arr(name, *rows):
    cases["arr_"+name+".json"] = b"["+b", \n".join(r if isinstance(r, bytes) else J(r) for r in rows)+b"]"
arr("mix_content", G(0), M(U, {**A, "content":5}), G(1))
arr("tools_mixed", M(*TM, tools=json.dumps(TOOLS)), M(*TM, tools=TOOLS))
arr("parts", G(0), M({"role": "user", "content":[{"type":"text", "text":"T"}]}, A))
arr("dup", G(0), b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a", "content": "b"}]}')
arr("surrogate", G(0), b'{"messages":[{"role": "user", "content": "T\\ud800"}, {"role": "assistant", "content": "a"}]}')
arr("nan", G(0), b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "margin":NaN}')
arr("control", G(0), b'{"messages":[{"role": "user", "content": "T\x01"}, {"role": "assistant", "content": "a"}]}')
arr("tab", G(0), b'{"messages":[{"role": "user", "content": "T\t"}, {"role": "assistant", "content": "a"}]}')
arr("trailing_comma", J(G(0))+b", ")
arr("null_row", G(0), b"null", G(1))
arr("id_mix", {**G(0), "id":1}, {**M(U, A), "id":"x"})
arr("openai", G(0), M(U, OC, {"role": "tool", "content": "2", "tool_call_id":"1"}, A))
arr("tc_object", G(0), M(U, {"role": "tool_call", "content":{"name":"f", "arguments":{"x":1}}}, TR, A))
arr("bigint", G(0), b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "id":123456789012345678901234567890}')
arr("bignum", G(0), b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "id":1e999}')
arr("extra_col", G(0), {**M(U, A), "system":"S"})
arr("first_extra", {**G(0), "system":"S"}, M(U, A))
arr("role_missing", G(0), M({"content": "T"}, A))
arr("bad_escape", G(0), b'{"messages":[{"role": "user", "content": "T\\q"}, {"role": "assistant", "content": "a"}]}')
arr("deep", G(0), b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "a"}], "x":'+b"["*100+b"]"*100+b"}")
arr("nested_arr", [G(0)], [G(1)])
arr("missing_comma", J(G(0))+b" "+J(G(1)))
arr("latin1", G(0), b'{"messages":[{"role": "user", "content": "T\xe9"}, {"role": "assistant", "content": "a"}]}')
arr("loss", G(0), M(U, {**A, "loss":False}))
arr("tc_hetero", M(*TM, tools=TOOLS), M(*TM, tools=T2))
raw("arr_ws_first", b"\n"+J([G(0)]), "json")
raw("object_lines_pretty", b"".join(json.dumps(G(i), indent=1).encode()+b"\n" for i in (0,1)), "json")
raw("data_field", json.dumps({"data":[G(0)]}).encode(), "jsonl")
raw("space_first", b"  "+J(G(0))+b"\n", "jsonl")
raw("bom_mid", J(G(0))+b"\n\xef\xbb\xbf"+J(G(1))+b"\n")
raw("formfeed", J(G(0))+b"\n\x0c"+J(G(1))+b"\n")
raw("nbsp", J(G(0))+b"\n\xc2\xa0"+J(G(1))+b"\n")
raw("array_then_line", J([G(0)])+b"\n"+J(G(1))+b"\n")
raw("json_nul_mid", J(G(0))+b"\x00\n"+J(G(1))+b"\n")
raw("half_two_lines", b'{"messages":\n[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n'+J(G(1))+b"\n")
raw("comma_lines", J(G(0))+b", \n"+J(G(1))+b"\n")
raw("empty_keys", b'{"":1, "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')
raw("num_leading_zero", b'{"id":01, "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')
raw("num_plus", b'{"id":+1, "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')
raw("num_dot", b'{"id":1., "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')
raw("True_py", b'{"id":True, "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')
raw("slash", b'{"messages":[{"role": "user", "content": "T\\/"}, {"role": "assistant", "content": "y"}]}\n')
raw("num_lead_dot", b'{"id":.5, "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')
raw("minus_inf_word", b'{"id":Inf, "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')
raw("tc_arr_comma", b'{"messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"},]}\n')
raw("dates", J(M({"role": "user", "content": "2020-01-01"}, {"role": "assistant", "content": "2020-01-02"}))+b"\n")
raw("dates_mixed", J(M({"role": "user", "content": "2020-01-01"}, {"role": "assistant", "content": "2020-01-02"}))+b"\n"+J(G(0))+b"\n")
raw("dates_ts", J(M({"role": "user", "content": "2020-01-01 00:00:00"}, {"role": "assistant", "content": "2020-01-02 00:00:00"}))+b"\n")
raw("one_date", J({"query":"T", "response":"2020-01-02"})+b"\n")
raw("utf8_bom_only_second", b"\xef\xbb\xbf\xef\xbb\xbf"+J(G(0))+b"\n")
raw("dup_unknown", b'{"a":1, "a":2, "messages":[{"role": "user", "content": "T"}, {"role": "assistant", "content": "y"}]}\n')


def halves(name, a, b, n=400):
    cases[name+".jsonl"]=b"".join(J(a(i))+b"\n" for i in range(n))+b"".join(J(b(i))+b"\n" for i in range(n))
halves("half_id", lambda i:{**big(i), "id":i}, lambda i:{**big(i), "id":"x"})
halves("half_content", big, lambda i:M({"role":"user", "content":[{"type":"text", "text":"T"+"x"*2000}]}, A))
halves("half_tools", lambda i:{**big(i), "tools":json.dumps(TOOLS)}, lambda i:{**big(i), "tools":TOOLS})
halves("half_loss", lambda i:M(U, {**A, "loss":True, "content":"x"*2000}), lambda i:M(U, {**A, "loss":1, "content":"x"*2000}))
halves("half_null", lambda i:{**big(i), "system":None}, lambda i:{**big(i), "system":"s"})
for d in (63,): case(f"deep{d}", b'{"messages":[{"role":"user","content":"T"},{"role":"assistant","content":"a"}],"x":'+b"["*d+b"]"*d+b"}", raw=True)
alone("ints_content", {"messages":[{"role":"user", "content":"T"}, {"role":"assistant", "content":[1,2]}]})
case("null_in_messages", {"messages":[None, U, A]})
case("nested_messages", {"messages":[[U, A]]})
case("bool_messages", {"messages":True})
case("extra_system_null", M(U, A, system=None))
case("system_number", M(U, A, system=5))
case("system_in_both", M({"role":"system", "content":"a"}, U, A, system="b"))
case("system_prompt_col", M(U, A, system_prompt="S"))
case("system_empty", M(U, A, system=""))
case("content_space", M(U, {"role":"assistant", "content":" "}))
case("role_space", M({"role":"user ", "content":"T"}, A))
case("role_ipython", M(U, {"role":"ipython", "content":"x"}, A))
case("role_function", M(U, {"role":"function", "content":"x"}, A))
case("role_assistant_upper", M(U, {"role":"ASSISTANT", "content":"x"}))
case("tool_calls_null", M(U, {**A, "tool_calls":None}))
case("tool_calls_string", M(U, {"role":"assistant", "content":"x", "tool_calls":"f()"}))
case("tool_calls_on_user", M({**U, "tool_calls":[{"function":{"name":"f", "arguments":"{}"}}]}, A))
case("openai_parallel", M(U, {"role":"assistant", "content":None, "tool_calls":[{"id":"1", "type":"function", "function":{"name":"f", "arguments":"{}"}}, {"id":"2", "type":"function", "function":{"name":"f", "arguments":"{}"}}]}, {"role":"tool", "tool_call_id":"2", "content":"b"}, {"role":"tool", "tool_call_id":"1", "content":"a"}, A))
case("openai_args_null", M(U, {"role":"assistant", "content":"", "tool_calls":[{"id":"1", "function":{"name":"f", "arguments":None}}]}, {"role":"tool", "content":"2"}, A))
case("openai_noargs", M(U, {"role":"assistant", "content":"", "tool_calls":[{"id":"1", "function":{"name":"f"}}]}, {"role":"tool", "content":"2"}, A))
case("openai_flat", M(U, {"role":"assistant", "content":"", "tool_calls":[{"name":"f", "arguments":"{}"}]}, {"role":"tool", "content":"2"}, A))
case("tools_nested_function_string", M(*TM, tools=json.dumps([{"type":"function", "function":"f"}])))
case("tools_true", M(*TM, tools=True))
case("tools_space", M(*TM, tools=" "))
case("tools_null_str", M(*TM, tools="null"))
case("tools_list_null", M(*TM, tools="[null]"))
case("tools_jsonl_str", M(*TM,tools='{"name":"f"}\n{"name":"g"}'))
case("tc_name_null", M(U,{"role":"tool_call","content":'{"name":null,"arguments":{}}'},TR,A))
case("tc_args_list", M(U,{"role":"tool_call","content":'{"name":"f","arguments":[]}'},TR,A))
case("tc_dup", M(U,{"role":"tool_call","content":'{"name":"f","name":"g","arguments":{}}'},TR,A))
case("tc_nan", M(U,{"role":"tool_call","content":'{"name":"f","arguments":{"x":NaN}}'},TR,A))
case("tc_trail", M(U,{"role":"tool_call","content":'{"name":"f","arguments":{}} x'},TR,A))
case("tc_control", M(U,{"role":"tool_call","content":'{"name":"f","arguments":{"x":"a\nb"}}'},TR,A))
case("tc_fence", M(U,{"role":"tool_call","content":'```json\n{"name":"f","arguments":{}}\n```'},TR,A))
case("tc_string", M(U, {"role":"tool_call", "content":'"f"'}, TR, A))
case("tc_number", M(U, {"role":"tool_call", "content":'5'}, TR, A))
case("tc_args_number", M(U,{"role":"tool_call","content":'{"name":"f","arguments":5}'},TR,A))
case("tc_trailing_comma", M(U,{"role":"tool_call","content":'{"name":"f","arguments":{},}'},TR,A))
case("tr_empty", M(U, TC, {"role":"tool_response", "content":""}, A))
case("tr_null", M(U, TC, {"role":"tool_response", "content":None}, A))
case("tr_list", M(U, TC, {"role":"tool_response", "content":[1]}, A))
case("tr_number", M(U, TC, {"role":"tool_response", "content":5}, A))
case("objects_null", M(U, A, objects=None))
case("objects_empty", M(U, A, objects={"ref":[], "bbox":[]}))
case("label_both", M(U, A, label=True, rejected_response="n"))
case("images_string_empty", M(U, A, images=""))
pair("qr_hist_ok_str_json",{"query":"T","response":"y","history":'[["a","b"]]'})
pair("qr_hist_empty_str", {"query":"T", "response":"y", "history":""})
pair("qr_resp_obj", {"query":"T", "response":{"a":1}})
pair("qr_resp_empty_list", {"query":"T", "response":[]})
pair("qr_resp_bool", {"query":"T", "response":True})
pair("qr_query_list", {"query":["T"], "response":"y"})
pair("qr_instruction", {"query":"T", "response":"y", "instruction":"I"})
pair("qr_tools", {"query":"T", "response":"y", "tools":json.dumps(TOOLS)})
pair("qr_images", {"query":"<image>T", "response":"y", "images":["/x.jpg"]})
pair("qr_hist_num", {"query":"T", "response":"y", "history":[["a",5]]})
pair("qr_hist_int", {"query":"T", "response":"y", "history":5})
alone("qr_solution_only", {"query":"T", "response":"y", "solution":"s"})
alone("instruction_input_only", {"instruction":"T", "input":"i"})
alone("three_queries", {"prompt":"T", "question":"q", "answer":"y"})
alone("input_output2", {"input":"T", "target":"y", "output":"z"})
alone("messages_and_conversations", {"messages":[U, A], "conversations":[U, A]})
alone("Messages_upper", {"Messages":[U, A]})
alone("conversation_one", {"conversation":[U, A]})
alone("dialog", {"dialog":[U, A]})
alone("pairs_missing", {"conversations":[{"human":"T", "assistant":"y"}, {"human":"q"}]})
alone("pairs_null", {"conversations":[{"human":"T", "assistant":None}]})
alone("pairs_extra", {"conversations":[{"human":"T", "assistant":"y", "id":1}]})
alone("from_system", {"conversations":[{"from":"system", "value":"S"}, {"from":"human", "value":"T"}, {"from":"gpt", "value":"y"}]})
alone("from_unknown", {"conversations":[{"from":"bing", "value":"S"}, {"from":"human", "value":"T"}, {"from":"gpt", "value":"y"}]}, {"conversations":[{"from":"human", "value":"G1"}, {"from":"gpt", "value":"y"}]})
dpo("dpo_equal_multi", M(U, A, U, A, rejected_response="yes"))
dpo("dpo_tool", M(U, TC, TR, A, rejected_response="no", tools=json.dumps(TOOLS)))
dpo("dpo_no_messages", {"rejected_response":"no"})
dpo_turns("rm_tool", M(U, TC, TR, A, rejected_messages=[U, {"role":"tool_call", "content":"bad"}, TR, A]))
dpo_turns("rm_system_mid", M(U, A, rejected_messages=[U, {"role":"system", "content":"x"}, A]))
dpo_turns("rm_human", M(U, A, rejected_messages=[{"role":"human", "content":"T"}, {"role":"gpt", "content":"n"}]))
dpo_turns("rm_only_user", M(U, A, rejected_messages=[U]))



def write(folder):
    """Makes the files; the images that rows name as /x.jpg lie in the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / "x.png"
    image.write_bytes(png())
    for name, data in cases.items():
        for path in (b"/x.jpg", b"/y.jpg"):
            data = data.replace(path, str(image).encode())
        (folder / name).write_bytes(data)
    return [folder / name for name in cases]
