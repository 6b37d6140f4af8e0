'use strict';

/* Where asv's pages show a commit, this makes them show the release: loaded after asv.js and
   asv_ui.js, before the scripts of asv's pages, which take what they need from $.asv. */
$(document).ready(function () {
    const asv = $.asv;
    /* What index.json said: ids by revision, revisions by name. Names by revision are made of it. */
    let ids = null;
    let revisions = null;
    /* The tracks that the graph shows, and those of which each benchmark has results. */
    let tracks = [];
    const tracks_of = JSON.parse($('meta[name="tracks-of-benchmarks"]').attr('content'));

    const track_of = (name) => name.slice(0, name.indexOf('-'));
    const version_of = (name) => name.slice(name.indexOf('-') + 1);

    /* Give the revisions the names of their releases, once index.json is there. */
    function name_revisions() {
        if (ids !== null) {
            return;
        }
        const index = asv.main_json;
        ids = index.revision_to_hash;
        revisions = index.tags;
        const names = Object.assign({}, ids);
        Object.entries(revisions).forEach(([name, revision]) => { names[revision] = name; });
        index.revision_to_hash = names;
        /* asv cuts what it shows to so many characters: a name is shown whole. */
        index.hash_length = Infinity;
        /* asv writes these into the page as markup. */
        Object.values(index.benchmarks).forEach((benchmark) => {
            if (benchmark.pretty_name) {
                benchmark.pretty_name = as_text(benchmark.pretty_name);
            }
        });
    }

    function as_text(value) {
        return $('<span>').text('' + value).html();
    }

    /* The revision of a name, or of the beginning of an id as asv's own links have it. */
    asv.get_revision = function (commit) {
        if (Object.hasOwn(revisions, commit)) {
            return revisions[commit];
        }
        const found = Object.entries(ids).find(([, id]) => id.startsWith(commit));
        return found === undefined ? null : found[0];
    };

    /* "NAME" or "NAME-NAME" in ids, which is all that asv takes in its addresses. */
    function in_ids(commits) {
        const id_of = (name) => Object.hasOwn(revisions, name) ? ids[revisions[name]] : undefined;
        if (id_of(commits)) {
            return id_of(commits);
        }
        const first = Object.keys(revisions).find(
            (name) => commits.startsWith(name + '-') && id_of(commits.slice(name.length + 1)));
        return first ? id_of(first) + '-' + id_of(commits.slice(first.length + 1)) : commits;
    }

    /* asv draws the labels of all tags that fall into the graph; by date, those of all tracks do. */
    function label(tracks) {
        const shown = tracks.length === 1 ? version_of : (name) => name;
        asv.main_json.tags = Object.fromEntries(
            Object.entries(revisions)
                .filter(([name]) => tracks.includes(track_of(name)))
                .map(([name, revision]) => [shown(name), revision]));
    }

    function show_graph_of_releases(show) {
        return function (params) {
            if (params.commits) {
                params.commits = params.commits.map(in_ids);
            }
            /* Without a track asv shows its first, or stays where it was; a benchmark may have
               results of others alone. */
            const measured = tracks_of[params.benchmark] || [];
            if (params.branch) {
                tracks = params.branch;
            } else if (!measured.some((track) => tracks.includes(track))) {
                tracks = (measured.length ? measured : asv.main_json.params.branch).slice(0, 1);
                params.branch = tracks;
            } else if (Object.keys(params).some((key) => key !== 'benchmark')) {
                params.branch = tracks;
            }
            label(tracks);
            show(params);
        };
    }

    const register_page = asv.register_page;
    asv.register_page = function (name, show) {
        const named = name === 'graphdisplay' ? show_graph_of_releases(show) : show;
        register_page(name, function (params) {
            name_revisions();
            named(params);
        });
    };

    /* asv's list of regressions links a commit, and of two only where they are on GitHub. */
    const regressions = document.getElementById('regressions-body');
    new MutationObserver(function () {
        regressions.querySelectorAll('td > span').forEach(function (span) {
            const names = span.textContent.split('..');
            if (names.length === 2 && names.every((name) => Object.hasOwn(revisions, name))) {
                const links = names.map((name) =>
                    $('<a/>').attr('href', asv.main_json.show_commit_url + name).text(name)[0]);
                span.replaceWith(links[0], '..', links[1]);
            }
        });
    }).observe(regressions, {childList: true, subtree: true});

    /* asv writes headings and tooltips as markup, whatever stands in the results. */
    const make_panel = asv.ui.make_panel;
    asv.ui.make_panel = (nav, heading) => make_panel(nav, as_text(heading));
    const make_selector = asv.ui.make_value_selector_panel;
    asv.ui.make_value_selector_panel = (nav, heading, values, each) =>
        make_selector(nav, as_text(heading), values, each);
    $.fn.tooltip.Constructor.prototype.setContent = function () {
        const tip = this.tip();
        const text = ('' + this.getTitle()).replaceAll('<br/>', '\n');
        tip.find('.tooltip-inner').text(text);
        tip.removeClass('fade in top bottom left right');
    };
});
