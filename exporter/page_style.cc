#include "exporter/pages.h"

namespace heal::exporter {
namespace {

constexpr const char* kStyle = R"(:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --sheet: #fff; --ink: #1c2430; --quiet: #5a6573; --line: #dce0e6; --link: #0b57b8;
  --good: #1a7337; --warn: #8a5600; --bad: #b3261e; --bar: #6d8fb8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --sheet: #1a2029; --ink: #e4e8ee; --quiet: #9aa6b5; --line: #2e3742; --link: #7db4ff;
    --good: #6fcf8b; --warn: #f0b450; --bad: #ff8a80; --bar: #55779f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 84rem; padding: 0 1rem 2rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1rem; padding: .9rem 0 .6rem; }
h1 { font-size: 1.25rem; margin: 0; }
h1 a { color: inherit; text-decoration: none; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
h2 .count, .quiet { color: var(--quiet); font-weight: 400; }
nav { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .85rem; color: var(--quiet); }
.glance { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .6rem; }
.tile { background: var(--sheet); border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 6px; padding: .5rem .75rem; color: inherit; text-decoration: none; }
.tile .label { display: block; color: var(--quiet); font-size: .8rem; }
.tile .value { font-weight: 600; font-variant-numeric: tabular-nums; }
.tile.good { border-left-color: var(--good); } .tile.warn { border-left-color: var(--warn); } .tile.bad { border-left-color: var(--bad); }
.tile.bad .value { color: var(--bad); } .tile.warn .value { color: var(--warn); }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 .6rem; }
input, select, button { font: inherit; color: inherit; background: var(--sheet); border: 1px solid var(--line); border-radius: 5px; padding: .3rem .6rem; min-height: 2.3rem; }
input { flex: 0 1 22rem; min-width: 0; }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr:last-child > td { border-bottom: 0; }
th { color: var(--quiet); font-weight: 500; font-size: .8rem; white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.time { white-space: nowrap; color: var(--quiet); font-variant-numeric: tabular-nums; }
.empty { padding: .8rem; color: var(--quiet); margin: 0; }
.state { font-weight: 600; white-space: nowrap; }
.up { color: var(--good); } .failing { color: var(--warn); } .down { color: var(--bad); } .unknown { color: var(--quiet); }
.sub { display: block; color: var(--quiet); font-size: .85rem; }
svg { display: block; width: 144px; height: 24px; }
svg .ran { fill: var(--bar); } svg .failed { fill: var(--bad); } svg .ground { stroke: var(--line); }
.pages { margin: .6rem 0 0; display: flex; gap: 1rem; }
@media (max-width: 46rem) {
  thead { position: absolute; left: -99rem; }
  table, tbody, tr, td { display: block; width: 100%; }
  tr { padding: .55rem .75rem; border-bottom: 1px solid var(--line); }
  td, td.number { border: 0; padding: .1rem 0; text-align: left; }
  td[data-label] { display: grid; grid-template-columns: 5.5rem 1fr; gap: .5rem; }
  td[data-label]::before { content: attr(data-label); color: var(--quiet); font-size: .8rem; }
  .glance { grid-template-columns: 1fr 1fr; }
}
)";

}  // namespace

httpd::HttpResponse style_sheet() {
  httpd::HttpResponse response;
  response.content_type = "text/css; charset=utf-8";
  response.body = kStyle;
  response.headers = {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-cache"}};
  return response;
}

}  // namespace heal::exporter
