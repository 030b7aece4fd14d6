"""Every page's path. One line a page; the views stand in the module named after the page's subject."""

from django.urls import URLPattern, path

from hub.web import accounts, boards, claims, home, people, preferences, tasks, tokens

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
    path("people/<str:username>/", people.person, name="person"),
]
