"""Every page's path. One line a page; the views stand in the module named after the page's subject."""

from django.urls import URLPattern, path

from hub.web import (
    accounts,
    boards,
    claims,
    desk,
    home,
    live,
    people,
    preferences,
    pulls,
    review,
    tasks,
    tokens,
    workers,
)

app_name = "web"
urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("login/", accounts.log_in, name="login"),
    path("logout/", accounts.log_out, name="logout"),
    path("signup/", accounts.register, name="signup"),
    path("settings/theme/", preferences.set_theme, name="set_theme"),
    path("settings/tokens/", tokens.token_list, name="tokens"),
    path("settings/tokens/create/", tokens.create, name="token_create"),
    path("settings/tokens/<int:token_id>/revoke/", tokens.revoke, name="token_revoke"),
    path("tasks/", tasks.task_list, name="tasks"),
    path("tasks/<slug:slug>/", tasks.task_page, name="task"),
    path("tasks/<slug:slug>/claim/", claims.make, name="claim"),
    path("claims/<int:claim_id>/withdraw/", claims.withdraw, name="claim_withdraw"),
    path("claims/<int:claim_id>/release/", claims.release, name="claim_release"),
    path("claims/<int:claim_id>/extend/", claims.extend, name="claim_extend"),
    path("claims/<int:claim_id>/answer/", claims.answer, name="claim_answer"),
    path("boards/", boards.board_list, name="boards"),
    path("boards/<slug:slug>/<slug:hardware>/", boards.board_page, name="board"),
    path("pulls/", pulls.pull_list, name="pulls"),
    path("pulls/<int:pull_id>/", pulls.pull_page, name="pull"),
    path("pulls/<int:pull_id>/events/", live.events, name="pull_events"),
    path("pulls/<int:pull_id>/diff/", review.diff_page, name="pull_diff"),
    path("pulls/<int:pull_id>/comment/", review.comment, name="pull_comment"),
    path("pulls/<int:pull_id>/review/", review.review, name="pull_review"),
    path("pulls/<int:pull_id>/merge/", pulls.merge, name="pull_merge"),
    path("pulls/<int:pull_id>/close/", pulls.close, name="pull_close"),
    path("pulls/<int:pull_id>/reopen/", pulls.reopen, name="pull_reopen"),
    path("pulls/<int:pull_id>/rerun/", pulls.rerun, name="pull_rerun"),
    path("pulls/<slug:slug>/<str:username>/<str:topic>/", pulls.by_branch, name="pull_by_branch"),
    path("desk/", desk.desk, name="desk"),
    path("workers/", workers.worker_list, name="workers"),
    path("people/<str:username>/", people.person, name="person"),
]
