from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.utils import timezone

from accounts.models import User

type Render = Callable[..., str]


class PersonForm(forms.Form):
    email = forms.EmailField(label="E-mail", help_text="Where invitations go.")
    reason = forms.CharField(widget=forms.Textarea(attrs={"class": "mono"}), required=False)
    ends = forms.ChoiceField(widget=forms.RadioSelect, choices=[("12", "after 12 hours"), ("7", "after 7 days")])
    live = forms.BooleanField(required=False, widget=forms.CheckboxInput(attrs={"role": "switch"}))
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)


def test_an_icon_is_hidden_from_screen_readers_unless_it_speaks(render: Render) -> None:
    assert 'aria-hidden="true"' in render('{% icon "house" %}')
    spoken = render('{% icon "lock" "s" label="locked" %}')
    assert 'role="img" aria-label="locked"' in spoken
    assert 'class="icon s"' in spoken
    assert 'icons.svg#i-lock"' in spoken


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ana Ruiz", "AR"), ("ana.ruiz", "AR"), ("Maren van der Holt", "MH"), ("élif", "É"), ("  ", "?"), ("–", "?")],
)
def test_initials(render: Render, name: str, letters: str) -> None:
    assert f">{letters}<" in render("{% avatar name %}", name=name)


def test_a_person_is_a_name_and_a_link_only_where_one_is_given(render: Render, ana: User) -> None:
    assert render("{% person ana %}", ana=ana).endswith("Ana Ruiz</span>")
    assert render('{% person ana url="/users/1/" %}', ana=ana).startswith('<a class="who" href="/users/1/">')
    assert "nobody" in render("{% person None %}")


def test_names_and_addresses_are_escaped(render: Render) -> None:
    html = render("{% person name url=url %}{% avatar name %}", name="<b>x</b> <i>", url='"><script>')
    assert "<script" not in html
    assert "<b>" not in html


def test_a_relative_time_carries_the_exact_one(render: Render) -> None:
    html = render("{% reltime moment %}", moment=timezone.now() - timedelta(minutes=3, seconds=5))
    assert ">3 min</time>" in html
    assert "data-rel" in html
    old = render("{% reltime moment %}", moment=datetime(2020, 11, 20, 9, 31, 8, tzinfo=UTC))
    assert 'title="20 November 2020, 09:31:08"' in old
    assert ">20 Nov 2020</time>" in old
    assert "data-rel" not in old
    assert "–" in render("{% reltime None %}")


def test_a_field_ties_help_and_errors_to_its_control(render: Render) -> None:
    html = render("{% field form.email %}", form=PersonForm({"email": "kofi@"}))
    assert '<label for="id_email">E-mail</label>' in html
    assert 'aria-describedby="id_email_helptext id_email_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_email_helptext">Where invitations go.' in html
    assert 'id="id_email_error"' in html
    assert 'class="input"' in html


def test_a_field_keeps_the_classes_of_its_widget(render: Render) -> None:
    html = render('{% field form.reason class="key" suffix="words" rows=3 %}', form=PersonForm())
    assert 'class="input mono key"' in html
    assert 'rows="3"' in html
    assert "<span>words</span>" in html


def test_radios_are_a_group_with_a_legend(render: Render) -> None:
    html = render("{% field form.ends %}", form=PersonForm({}))
    assert "<legend>Ends</legend>" in html
    assert html.count('type="radio"') == 2
    assert 'aria-describedby="id_ends_error"' in html
    assert 'id="id_ends"' in html


def test_a_switch_stays_a_switch(render: Render) -> None:
    html = render("{% field form.live %}", form=PersonForm())
    assert 'role="switch"' in html
    assert 'class="input' not in html


def test_the_summary_names_the_fields_and_says_the_rest(render: Render) -> None:
    form = PersonForm({"email": "kofi@", "version": "x"})
    form.add_error(None, "Somebody was quicker.")
    html = render("{% error_summary form %}", form=form)
    assert "Somebody was quicker." in html
    assert "2 things to put right" in html
    assert '<a href="#id_email">E-mail</a>' in html
    assert "Enter a whole number." in html  # of the hidden field, which has no place of its own
    assert "autofocus" in html


def test_nothing_wrong_no_summary(render: Render) -> None:
    assert render("{% error_summary form %}", form=PersonForm()).strip() == ""


def test_where_a_value_comes_from_is_said_in_words(render: Render) -> None:
    assert render('{% source "own" %}') == '<span class="src" data-src="own">set here</span>'
    assert "environment" in render('{% source "environment" %}')


def test_an_undeclared_permission_is_none(render: Render) -> None:
    assert render('{% permission_named "no.such" as right %}[{{ right }}]') == "[None]"
