"use strict";

/* Where asv's pages show a commit, this makes them show the release: loaded after asv.js and
   asv_ui.js, before the scripts of asv's pages, which take what they need from $.asv. */
{
  /* What index.json said: ids by revision, null until it is there, and revisions by name. */
  /** @type {Record<string, string> | null} */
  let ids = null;
  /** @type {Record<string, number>} */
  let revisions = {};
  /** @type {string[]} the tracks that the graph shows */
  let tracks = [];
  /** @type {Record<string, string[]>} of each benchmark, the tracks that have results of it */
  let tracks_of = {};

  /* A version begins with a digit, and the name of a track has none. */
  const end_of_track = (/** @type {string} */ name) => name.search(/-\d/);
  const track_of = (/** @type {string} */ name) => name.slice(0, end_of_track(name));
  const version_of = (/** @type {string} */ name) => name.slice(end_of_track(name) + 1);
  const as_text = (/** @type {unknown} */ value) => $("<span>").text(`${value}`).html();

  /** Give the revisions the names of their releases, once index.json is there. */
  function name_revisions() {
    if (ids !== null) return;
    const index = $.asv.main_json;
    ids = index.revision_to_hash;
    revisions = index.tags;
    const names = { ...index.revision_to_hash };
    for (const [name, revision] of Object.entries(revisions)) names[revision] = name;
    index.revision_to_hash = names;
    /* asv cuts what it shows to so many characters: a name is shown whole. */
    index.hash_length = Infinity;
    /* asv writes these into the page as markup. */
    for (const benchmark of Object.values(index.benchmarks)) {
      if (benchmark.pretty_name) benchmark.pretty_name = as_text(benchmark.pretty_name);
    }
  }

  /** The id of a release's name; undefined where there is no such release. */
  const id_of = (/** @type {string} */ name) =>
    Object.hasOwn(revisions, name) ? ids?.[revisions[name]] : undefined;

  /**
   * The revision of a name, or of the beginning of an id as asv's own links have it.
   * @param {string} commit
   */
  function revision_of(commit) {
    if (Object.hasOwn(revisions, commit)) return revisions[commit];
    const found = Object.entries(ids ?? {}).find(([, id]) => id.startsWith(commit));
    return found === undefined ? null : found[0];
  }

  /**
   * "NAME" or "NAME-NAME" in ids, which is all that asv takes in its addresses.
   * @param {string} commits
   */
  function in_ids(commits) {
    const id = id_of(commits);
    if (id) return id;
    const after = (/** @type {string} */ name) => commits.slice(name.length + 1);
    const first = Object.keys(revisions).find(
      (name) => commits.startsWith(`${name}-`) && id_of(after(name)),
    );
    return first ? `${id_of(first)}-${id_of(after(first))}` : commits;
  }

  /** asv draws the labels of all tags that fall into the graph; by date, those of all tracks do. */
  function label() {
    const shown = tracks.length === 1 ? version_of : (/** @type {string} */ name) => name;
    $.asv.main_json.tags = Object.fromEntries(
      Object.entries(revisions)
        .filter(([name]) => tracks.includes(track_of(name)))
        .map(([name, revision]) => [shown(name), revision]),
    );
  }

  /**
   * The parameters of a page of asv: what its address says.
   * @typedef {{ benchmark: string, branch?: string[], commits?: string[] }} Parameters
   * @typedef {(params: Parameters) => void} Show
   */

  /**
   * @param {Show} show
   * @returns {Show}
   */
  const show_graph_of_releases = (show) => (params) => {
    if (params.commits) params.commits = params.commits.map(in_ids);
    /* Without a track asv shows its first, or stays where it was; a benchmark may have results of
       others alone. */
    const measured = tracks_of[params.benchmark] ?? [];
    if (params.branch) {
      tracks = params.branch;
    } else if (!measured.some((track) => tracks.includes(track))) {
      tracks = (measured.length ? measured : $.asv.main_json.params.branch).slice(0, 1);
      params.branch = tracks;
    } else if (Object.keys(params).some((key) => key !== "benchmark")) {
      params.branch = tracks;
    }
    label();
    show(params);
  };

  /** Has each page of asv find names where it looks for commits. */
  function name_on_pages() {
    const register_page = $.asv.register_page;
    $.asv.register_page = (/** @type {string} */ name, /** @type {Show} */ show) => {
      const named = name === "graphdisplay" ? show_graph_of_releases(show) : show;
      register_page(name, (/** @type {Parameters} */ params) => {
        name_revisions();
        named(params);
      });
    };
  }

  /** asv's list of regressions links a commit, and of two only where they are on GitHub. */
  function link_regressions() {
    const regressions = document.getElementById("regressions-body");
    if (regressions === null) return;
    const link = (/** @type {string} */ name) =>
      $("<a/>")
        .attr("href", $.asv.main_json.show_commit_url + name)
        .text(name)[0];
    const observer = new MutationObserver(() => {
      for (const span of regressions.querySelectorAll("td > span")) {
        const names = (span.textContent ?? "").split("..");
        if (names.length === 2 && names.every((name) => Object.hasOwn(revisions, name))) {
          span.replaceWith(link(names[0]), "..", link(names[1]));
        }
      }
    });
    observer.observe(regressions, { childList: true, subtree: true });
  }

  /** asv writes headings and tooltips as markup, whatever stands in the results. */
  function write_as_text() {
    const { ui } = $.asv;
    const make_panel = ui.make_panel;
    ui.make_panel = (/** @type {unknown} */ nav, /** @type {string} */ heading) =>
      make_panel(nav, as_text(heading));
    const make_selector = ui.make_value_selector_panel;
    /**
     * @param {unknown} nav
     * @param {string} heading
     * @param {unknown} values
     * @param {unknown} each
     */
    ui.make_value_selector_panel = (nav, heading, values, each) =>
      make_selector(nav, as_text(heading), values, each);
    /** @this {any} a tooltip of Bootstrap's */
    $.fn.tooltip.Constructor.prototype.setContent = function () {
      const tip = this.tip();
      const text = `${this.getTitle()}`.replaceAll("<br/>", "\n");
      tip.find(".tooltip-inner").text(text);
      tip.removeClass("fade in top bottom left right");
    };
  }

  $(document).ready(() => {
    tracks_of = JSON.parse($('meta[name="tracks-of-benchmarks"]').attr("content"));
    $.asv.get_revision = revision_of;
    name_on_pages();
    link_regressions();
    write_as_text();
  });
}
