"""Where the pages of people are, and of what they do together: profiles, certificates, SIGs, events."""

from django.urls import URLPattern, path

from hub.web import certificates, events, people, sigs
from hub.web.shared import shared

urlpatterns: list[URLPattern] = [
    path("people/<str:username>/", shared(people.person), name="person"),
    path("people/<str:username>/contributions/", shared(people.work), name="person_work"),
    path("people/<str:username>/points/", people.points, name="person_points"),
    path("people/<str:username>/points.csv", people.points_csv, name="person_points_csv"),
    path("people/<str:username>/standing/", people.standing, name="person_standing"),
    path("badges/", shared(people.badges), name="badges"),
    path("certificates/key.pem", certificates.public_key, name="certificate_key"),
    path("certificates/issue/", certificates.issue, name="certificate_issue"),
    path("certificates/<slug:number>/", certificates.page, name="certificate"),
    path("certificates/<slug:number>/statement.json", certificates.statement, name="certificate_json"),
    path("certificates/<slug:number>/statement.sig", certificates.signature, name="certificate_sig"),
    path("certificates/<slug:number>/certificate.pdf", certificates.pdf, name="certificate_pdf"),
    path("certificates/<slug:number>/revoke/", certificates.revoke, name="certificate_revoke"),
    path("sigs/", shared(sigs.sig_list), name="sigs"),
    path("sigs/open/new/", sigs.open_sig, name="sig_open"),
    path("sigs/<slug:slug>/", shared(sigs.sig_page), name="sig"),
    path("sigs/<slug:slug>/join/", sigs.join, name="sig_join"),
    path("sigs/<slug:slug>/leave/", sigs.leave, name="sig_leave"),
    path("sigs/<slug:slug>/describe/", sigs.describe, name="sig_describe"),
    path("sigs/<slug:slug>/leads/", sigs.name_leads, name="sig_leads"),
    path("sigs/<slug:slug>/announce/", sigs.announce, name="sig_announce"),
    path("sigs/<slug:slug>/events.ics", events.calendar_sig, name="calendar_sig"),
    path("sigs/<slug:slug>/plan/", events.plan, name="event_plan"),
    path("announcements/<int:announcement_id>/withdraw/", sigs.withdraw, name="announcement_withdraw"),
    path("events/", shared(events.event_list), name="events"),
    path("events/all.ics", events.calendar_all, name="calendar_all"),
    path("events/own/<str:secret>.ics", events.calendar_own, name="calendar_own"),
    path("events/own/renew/", events.calendar_renew, name="calendar_renew"),
    path("events/<int:event_id>/", events.event_page, name="event"),
    path("events/<int:event_id>/change/", events.change, name="event_change"),
    path("events/<int:event_id>/off/", events.call_off, name="event_off"),
    path("events/<int:event_id>/join/", events.sign_up, name="event_join"),
    path("events/<int:event_id>/leave/", events.leave, name="event_leave"),
]
