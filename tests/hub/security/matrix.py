"""Who may do what at which address: one row a view, one column a role (`ROLES` in `world.py`).

Add a row for each new view; `test_access.py` fails until there is one, and tries every cell of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MEANING = {
    "o": "answered: a page, or done and sent on",
    "r": "refused in words: sent back with an error message, or the form again (422)",
    "l": "sent to the log-in",
    "n": "403",
    "g": "404",
    "m": "405, no such method",
    "u": "401, a token is missing",
    "b": "400",
    ".": "tried elsewhere, the comment says where",
}


@dataclass(frozen=True)
class Row:
    get: str
    post: str
    data: dict[str, Any] = field(
        default_factory=dict
    )  # of the POST: what would be accepted of the right person


#                 stranger, contributor, author, other, mentor, other mentor, maintainer, operator
EVERYBODY = "oooooooo"
MEMBERS = "looooooo"
NO_SUCH_METHOD = "mmmmmmmm"
OPERATORS = "lnnnnnoo"
LEADS = "lnnnonon"  # of the SIG: "mentor" is one
READ_ONLY = "lmmmmmmm"
WORKERS_ALONE = Row(NO_SUCH_METHOD, "uuuuuuuu")
OF_AN_ATTEMPT = Row(NO_SUCH_METHOD, "bbbbbbbb")  # the message is read first; tokens: tests/hub/api
READ_BY_ALL = Row(EVERYBODY, NO_SUCH_METHOD)
EVENT = {
    "title": "Softmax evening",
    "place": "Room 1",
    "starts": "2040-01-15T19:30",
    "ends": "2040-01-15T21:00",
    "time_zone": "Asia/Shanghai",
}
REVIEW = {"kind": "approve", "body": "Good.", "patch_set": "1"}

MATRIX = {
    "web:home": READ_BY_ALL,
    "web:favicon": READ_BY_ALL,
    "web:account": Row(MEMBERS, READ_ONLY),
    "web:privacy": Row(NO_SUCH_METHOD, MEMBERS),
    "web:account_delete": Row(MEMBERS, MEMBERS),
    "web:session_end": Row(NO_SUCH_METHOD, "lrrrrrrr"),
    "web:notifications": Row(MEMBERS, READ_ONLY),
    "web:notifications_read": Row(NO_SUCH_METHOD, "lrrrrrrr"),
    "web:notification_open": Row(NO_SUCH_METHOD, "lgoggggg"),
    "web:suggestions_apply": Row(NO_SUCH_METHOD, "lnrnnnnn"),
    "web:thread_answer": Row(NO_SUCH_METHOD, MEMBERS, {"body": "Because."}),
    "web:thread_resolve": Row(NO_SUCH_METHOD, "lnonooon"),
    "web:thread_unresolve": Row(NO_SUCH_METHOD, "lnonooon"),
    "web:set_theme": Row(NO_SUCH_METHOD, EVERYBODY, {"theme": "dark"}),
    "web:tokens": Row(MEMBERS, MEMBERS),
    "web:token_create": Row(NO_SUCH_METHOD, MEMBERS, {"name": "x", "days": "30"}),
    "web:token_revoke": Row(NO_SUCH_METHOD, "lrorrrrr"),
    "web:tasks": READ_BY_ALL,
    "web:search_save": Row(NO_SUCH_METHOD, MEMBERS, {"name": "mine", "query": "level=1"}),
    "web:search_forget": Row(NO_SUCH_METHOD, MEMBERS),
    "web:task": READ_BY_ALL,
    "web:claim": Row(NO_SUCH_METHOD, "lorroooo"),  # two have one already
    "web:revisions": READ_BY_ALL,
    "web:post_say": Row(NO_SUCH_METHOD, MEMBERS, {"body": "And how long?"}),
    "web:post_hide": Row(NO_SUCH_METHOD, "lnononon", {"why": "Off the subject."}),
    "web:post_show": Row(NO_SUCH_METHOD, "lnononon"),
    "web:claim_withdraw": Row(NO_SUCH_METHOD, "lnonnnnn"),
    "web:claim_release": Row(NO_SUCH_METHOD, "lnonnnnn", {"hand_over": "Half is done."}),
    "web:claim_offer": Row(NO_SUCH_METHOD, "lnonnnnn", {"username": "max", "hand_over": "Half is done."}),
    "web:claim_keep": Row(NO_SUCH_METHOD, "lononnnn"),  # who holds it, and who is to have it
    "web:claim_take": Row(NO_SUCH_METHOD, "lonnnnnn", {"accept": "1"}),
    "web:claim_invite": Row(NO_SUCH_METHOD, "lnrnnnnn", {"username": "oona", "share": "10"}),  # is invited
    "web:claim_join": Row(NO_SUCH_METHOD, "lnnnnnno", {"accept": "1"}),
    "web:claim_extend": Row(NO_SUCH_METHOD, "lnonnnnn"),
    "web:claim_answer": Row(NO_SUCH_METHOD, "lnnnooon", {"accept": "1", "text": "Go on."}),
    "web:learn": READ_BY_ALL,
    "web:course": READ_BY_ALL,
    "web:lesson": READ_BY_ALL,
    "web:lesson_read": Row(NO_SUCH_METHOD, MEMBERS),
    "web:boards": READ_BY_ALL,
    "web:board": READ_BY_ALL,
    "web:board_freeze": Row(NO_SUCH_METHOD, "lnnnnnon"),
    "web:board_thaw": Row(NO_SUCH_METHOD, "lnnnnnrn"),
    "web:board_csv": READ_BY_ALL,
    "web:board_json": READ_BY_ALL,
    "web:board_badge": READ_BY_ALL,
    "web:pulls": READ_BY_ALL,
    "web:pull": READ_BY_ALL,
    "web:pull_events": Row("........", NO_SUCH_METHOD),  # all may: tests/hub/web/test_live.py
    "web:pull_diff": READ_BY_ALL,
    "web:pull_comment": Row(NO_SUCH_METHOD, MEMBERS, {"body": "Why so?", "patch_set": "1"}),
    "web:pull_review": Row(NO_SUCH_METHOD, "lnnnooon", REVIEW),
    "web:pull_merge": Row(NO_SUCH_METHOD, "lnnnonon"),
    "web:pull_close": Row(NO_SUCH_METHOD, "lnononon"),
    "web:pull_reopen": Row(NO_SUCH_METHOD, "lnononon"),
    "web:pull_rerun": Row(NO_SUCH_METHOD, "lnrnrnrn"),
    "web:pull_by_branch": READ_BY_ALL,
    "web:podium": Row(NO_SUCH_METHOD, "lnnnnnon"),
    "web:desk": Row(MEMBERS, READ_ONLY),
    "web:held": Row("lnnnooon", READ_ONLY),
    "web:evidence": Row("lnnnooon", READ_ONLY),
    "web:rule": Row(NO_SUCH_METHOD, "lnnnnnon", {"kind": "clear", "reason": "The worker was idle."}),
    "web:appeal": Row(NO_SUCH_METHOD, "lnrnnnnn", {"text": "The load was low."}),
    "web:judge_again": Row(NO_SUCH_METHOD, "lnnnnnon", {"reason": "To be sure."}),
    "web:rejudges": Row("lnnnooon", READ_ONLY),
    "web:rejudge_ask": Row(NO_SUCH_METHOD, "lnnnnnrn", {"task": "vector-add", "why": "New rules."}),
    "web:rejudge": Row("lnnnooon", READ_ONLY),
    "web:rejudge_apply": Row(NO_SUCH_METHOD, "lnnnnnon", {"number": "1", "decision": "It repeats."}),
    "web:rejudge_discard": Row(NO_SUCH_METHOD, "lnnnnnon", {"decision": "It does not repeat."}),
    "web:queue": READ_BY_ALL,
    "web:healthz": READ_BY_ALL,
    "web:metrics": Row("nnnnnnnn", NO_SUCH_METHOD),
    "web:workers": READ_BY_ALL,
    "web:worker": READ_BY_ALL,
    "web:worker_add": Row(NO_SUCH_METHOD, OPERATORS, {"name": "another"}),
    "web:worker_token": Row(NO_SUCH_METHOD, OPERATORS),
    "web:worker_pause": Row(NO_SUCH_METHOD, OPERATORS, {"why": "A new disk.", "how": "pause"}),
    "web:worker_resume": Row(NO_SUCH_METHOD, OPERATORS),
    "web:person": READ_BY_ALL,
    "web:person_work": READ_BY_ALL,
    "web:person_points": READ_BY_ALL,
    "web:person_points_csv": Row("lnonnnon", READ_ONLY),
    "web:certificate": READ_BY_ALL,
    "web:certificate_key": READ_BY_ALL,
    "web:certificate_json": READ_BY_ALL,
    "web:certificate_sig": READ_BY_ALL,
    "web:certificate_pdf": READ_BY_ALL,
    "web:certificate_issue": Row(NO_SUCH_METHOD, "lrorrrrr", {"subject": "task:vector-add"}),
    "web:certificate_revoke": Row(NO_SUCH_METHOD, "lnnnnnon", {"why": "By mistake."}),
    "web:sigs": READ_BY_ALL,
    "web:sig": READ_BY_ALL,
    "web:sig_open": Row(NO_SUCH_METHOD, "lnnnnnon", {"slug": "new", "title_en": "New", "title_zh": "新"}),
    "web:sig_join": Row(NO_SUCH_METHOD, MEMBERS),
    "web:sig_leave": Row(NO_SUCH_METHOD, MEMBERS),
    "web:sig_describe": Row(NO_SUCH_METHOD, LEADS, {"title_en": "Kernels", "title_zh": "算子"}),
    "web:sig_leads": Row(NO_SUCH_METHOD, "lnnnnnon", {"leads": "mei"}),
    "web:sig_announce": Row(NO_SUCH_METHOD, LEADS, {"title": "Hello", "body": "All."}),
    "web:announcement_withdraw": Row(NO_SUCH_METHOD, LEADS),
    "web:events": READ_BY_ALL,
    "web:event": READ_BY_ALL,
    "web:event_plan": Row(LEADS, LEADS, EVENT),
    "web:event_change": Row(LEADS, LEADS, EVENT),
    "web:event_off": Row(NO_SUCH_METHOD, LEADS, {"why": "No room."}),
    "web:event_join": Row(NO_SUCH_METHOD, MEMBERS),
    "web:event_leave": Row(NO_SUCH_METHOD, "lrrrrrrr"),
    "web:calendar_all": READ_BY_ALL,
    "web:calendar_sig": READ_BY_ALL,
    "web:calendar_own": READ_BY_ALL,  # of whoever has its secret
    "web:calendar_renew": Row(NO_SUCH_METHOD, MEMBERS),
    "web:audit": Row("lnnnnnon", READ_ONLY),
    "web:programmes": READ_BY_ALL,
    "web:programme": READ_BY_ALL,
    "web:programme_standing": READ_BY_ALL,
    "web:programme_standing_csv": READ_BY_ALL,
    "web:programme_report": READ_BY_ALL,
    "web:mentors": READ_BY_ALL,
    "web:badges": READ_BY_ALL,
    "web:person_standing": READ_BY_ALL,
    "web:pull_timing": READ_BY_ALL,
    "web:programme_new": Row("lnnnnnon", "lnnnnnon"),
    "web:programme_edit": Row("lnnnnnon", "lnnnnnon"),
    "web:programme_import": Row(NO_SUCH_METHOD, "lnnnnnrn"),
    "web:programme_export": Row("lnnnnnon", READ_ONLY),
    "web:programme_announce": Row(NO_SUCH_METHOD, "lnnnnnon", {"title": "Hello", "body": "All."}),
    "web:announcement_take_back": Row(NO_SUCH_METHOD, "lnnnnnon"),
    "web:programme_applicants": Row("lnnnnnon", READ_ONLY),
    "web:programme_rank": Row(NO_SUCH_METHOD, "lnnnnnon"),
    "web:programme_match": Row("lnnnnnon", READ_ONLY),
    "web:programme_settle": Row(NO_SUCH_METHOD, "lnnnnnrn"),
    "web:programme_apply": Row(NO_SUCH_METHOD, "lrrrrrrr"),
    "web:programme_withdraw": Row(NO_SUCH_METHOD, "lrrrrrrr"),
    "web:team_found": Row(NO_SUCH_METHOD, "lrrrrrrr", {"name": "Four"}),
    "web:team_join": Row(NO_SUCH_METHOD, "lrrrrrrr", {"code": "none"}),
    "web:team_leave": Row(NO_SUCH_METHOD, "lrrrrrrr"),
    "web:programme_statement": Row("lnnnnnon", READ_ONLY),
    "web:programme_statement_csv": Row("lnnnnnon", READ_ONLY),
    "web:programme_stages": Row("lnnnnnon", READ_ONLY),
    "web:programme_assess": Row(NO_SUCH_METHOD, "lnnnnnrn", {"user": "alice", "stage": "1", "passed": "1"}),
    "web:mentoring": Row(MEMBERS, READ_ONLY),
    "web:capacity": Row(NO_SUCH_METHOD, MEMBERS, {"capacity": "3"}),
    "web:reply_save": Row(NO_SUCH_METHOD, MEMBERS, {"name": "thanks", "body": "Thank you."}),
    "web:reply_forget": Row(NO_SUCH_METHOD, "lrrrrrrr"),
    "web:rate": Row(NO_SUCH_METHOD, "lnrnnnnn", {"mentor": "mei", "score": "5"}),
    "web:review_take": Row(NO_SUCH_METHOD, "lnnnooon"),
    "web:review_give_back": Row(NO_SUCH_METHOD, MEMBERS),
    "web:roles": Row("lnnnnnon", READ_ONLY),
    "web:role_give": Row(
        NO_SUCH_METHOD, "lnnnnnon", {"username": "bob", "role": "mentor", "scope": "vector-add"}
    ),
    "web:role_end": Row(NO_SUCH_METHOD, "lnnnnoon"),  # it is the other mentor's own
    "web:unsubscribe": Row("gggggggg", "gggggggg"),  # the signed link is the right to it
    "web:channels": Row(MEMBERS, READ_ONLY),
    "web:channels_save": Row(NO_SUCH_METHOD, MEMBERS, {"digest": "off", "language": "en"}),
    "web:hook_add": Row(NO_SUCH_METHOD, MEMBERS, {"url": "https://93.184.216.34/hook"}),
    "web:hook_renew": Row(NO_SUCH_METHOD, "lnonnnnn"),
    "web:hook_remove": Row(NO_SUCH_METHOD, "lnonnnnn"),
    "web:hook_try": Row(NO_SUCH_METHOD, "lnonnnnn"),
    "web:publish": Row("lnnnnnon", READ_ONLY),
    "web:publish_revise": Row("lnnnnnon", READ_ONLY),
    "web:publish_read": Row(NO_SUCH_METHOD, "lnnnnnrn"),
    "web:publish_files": Row(NO_SUCH_METHOD, "lnnnnnrn"),
    "web:api_help": READ_BY_ALL,
    **dict.fromkeys(
        ("api:me", "api:tasks", "api:task", "api:board", "api:verdicts", "api:programmes", "api:standing"),
        Row("uuuuuuuu", NO_SUCH_METHOD),  # a session is no token: tests/hub/api/test_reading.py
    ),
    "api:hello": WORKERS_ALONE,
    "api:canary": WORKERS_ALONE,
    "api:claim": WORKERS_ALONE,
    "api:revision": Row("uuuuuuuu", NO_SUCH_METHOD),
    "api:heartbeat": OF_AN_ATTEMPT,
    "api:result": WORKERS_ALONE,
    "api:fault": OF_AN_ATTEMPT,
    "account_change_password": Row(MEMBERS, MEMBERS),
    "account_confirm_email": Row(EVERYBODY, "gggggggg"),
    "account_confirm_login_code": Row(MEMBERS, MEMBERS),
    "account_email": Row(MEMBERS, MEMBERS),
    "account_email_verification_sent": Row(EVERYBODY, NO_SUCH_METHOD),
    "account_inactive": READ_BY_ALL,
    "account_login": Row(EVERYBODY, EVERYBODY),
    "account_logout": Row(EVERYBODY, EVERYBODY),
    "account_reauthenticate": Row(MEMBERS, MEMBERS),
    "account_reset_password": Row(EVERYBODY, EVERYBODY),
    "account_reset_password_done": Row(EVERYBODY, NO_SUCH_METHOD),
    "account_reset_password_from_key": Row(EVERYBODY, EVERYBODY),
    "account_reset_password_from_key_done": Row(EVERYBODY, NO_SUCH_METHOD),
    "account_set_password": Row(MEMBERS, MEMBERS),
    "account_signup": Row(EVERYBODY, EVERYBODY),
    "mfa_activate_totp": Row(MEMBERS, MEMBERS),
    "mfa_authenticate": Row(MEMBERS, MEMBERS),
    "mfa_deactivate_totp": Row("lggggggg", "lggggggg"),
    "mfa_download_recovery_codes": Row("lggggggg", "lggggggg"),
    "mfa_generate_recovery_codes": Row(MEMBERS, MEMBERS),
    "mfa_index": Row(MEMBERS, READ_ONLY),
    "mfa_reauthenticate": Row(MEMBERS, MEMBERS),
    "mfa_view_recovery_codes": Row("lggggggg", READ_ONLY),
    "socialaccount_connections": Row(MEMBERS, MEMBERS),
    "socialaccount_login_cancelled": Row(EVERYBODY, NO_SUCH_METHOD),
    "socialaccount_login_error": Row("uuuuuuuu", NO_SUCH_METHOD),
    "socialaccount_signup": Row("llllllll", "llllllll"),
    "set_language": Row(NO_SUCH_METHOD, EVERYBODY, {"language": "zh-hans"}),
}

# The administration: who is not on the staff is sent to its log-in, whatever the address.
ADMIN = ("admin:", "admin/")
STAFF_ALONE = Row("llllllll", "llllllll")
ADMIN_ROWS = {
    "admin:login": Row(EVERYBODY, EVERYBODY),
    "admin:logout": Row(EVERYBODY, EVERYBODY),
}
