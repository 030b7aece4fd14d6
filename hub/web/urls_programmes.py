"""The paths below /programmes/."""

from django.urls import URLPattern, path

from hub.web import organising, programmes, stages, taking_part
from hub.web.shared import shared

urlpatterns: list[URLPattern] = [
    path("programmes/", shared(programmes.programme_list), name="programmes"),
    path("programmes/new/", organising.make, name="programme_new"),
    path("programmes/import/", organising.take_in, name="programme_import"),
    path(
        "programmes/announcements/<int:key>/take-back/",
        organising.take_back,
        name="announcement_take_back",
    ),
    path("programmes/<slug:slug>/", shared(programmes.programme_page), name="programme"),
    path("programmes/<slug:slug>/edit/", organising.change, name="programme_edit"),
    path("programmes/<slug:slug>/announce/", organising.announce, name="programme_announce"),
    path("programmes/<slug:slug>/applicants/", organising.applicants, name="programme_applicants"),
    path("programmes/<slug:slug>/applicants/<slug:task>/", organising.rank, name="programme_rank"),
    path("programmes/<slug:slug>/match/", organising.match, name="programme_match"),
    path("programmes/<slug:slug>/match/apply/", organising.settle, name="programme_settle"),
    path("programmes/<slug:slug>/apply/", taking_part.apply, name="programme_apply"),
    path("programmes/<slug:slug>/withdraw/", taking_part.withdraw, name="programme_withdraw"),
    path("programmes/<slug:slug>/team/", taking_part.found_team, name="team_found"),
    path("programmes/<slug:slug>/team/join/", taking_part.join_team, name="team_join"),
    path("programmes/<slug:slug>/team/leave/", taking_part.leave_team, name="team_leave"),
    path("programmes/<slug:slug>/standing/", shared(programmes.standing_page), name="programme_standing"),
    path("programmes/<slug:slug>/standing.csv", programmes.standing_csv, name="programme_standing_csv"),
    path("programmes/<slug:slug>/report/", programmes.report_page, name="programme_report"),
    path("programmes/<slug:slug>/statement/", programmes.statement_page, name="programme_statement"),
    path("programmes/<slug:slug>/statement.csv", programmes.statement_csv, name="programme_statement_csv"),
    path("programmes/<slug:slug>/stages/", stages.page, name="programme_stages"),
    path("programmes/<slug:slug>/stages/<slug:task>/", stages.assess, name="programme_assess"),
    path("programmes/<slug:slug>/programme.json", programmes.export, name="programme_export"),
]
