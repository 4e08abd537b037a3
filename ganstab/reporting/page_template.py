"""The frame of every page: no script, no font, no outside address; $names for its parts."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --page: #fbfbfa; --box: #fff; --ink: #222; --soft: #666;
  --line: #e2e2de; --accent: #0072b2; --good: #00735a; --warn: #b34a00; }
@media (prefers-color-scheme: dark) { :root { --page: #17181a; --box: #212326; --ink: #e9e9e6;
  --soft: #a3a5a8; --line: #383b40; --accent: #56b4e9; --good: #4fc9a4; --warn: #f0a35e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 70rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 0 0 .8rem; font-size: 1.15rem; }
section { margin-top: 2.4rem; }
header p { max-width: 46rem; }
.state { display: inline-block; margin: .8rem 0 .2rem; padding: .15rem .8rem; border-radius: 1rem;
  border: 1px solid currentcolor; color: var(--warn); font-weight: 600; font-size: .9rem; }
.state.good { color: var(--good); }
.cards { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 1.4rem; }
.card { flex: 1 1 15rem; padding: 1rem 1.3rem; background: var(--box); border-radius: .6rem;
  border: 1px solid var(--line); }
.label, .below { color: var(--soft); font-size: .9rem; }
.value { color: var(--accent); font-size: 2.2rem; font-weight: 650; line-height: 1.25; }
table { border-collapse: collapse; font-size: .93rem; background: var(--box);
  font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .8rem; border: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: break-word; }
th { font-weight: 600; }
.wide { width: 100%; }
.wide tr:first-child th, .wide td { white-space: nowrap; }
.wide td.prose { min-width: 10rem; white-space: normal; }
.wide td .below { white-space: normal; }
td.good { color: var(--good); font-weight: 600; }
td.warn { color: var(--warn); font-weight: 600; }
td .below { font-weight: 400; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .9em; }
.scroll { overflow-x: auto; }
.wide tr:first-child th { color: var(--soft); font-weight: 500; }
.facts th { width: 12rem; color: var(--soft); font-weight: 500; }
.facts { width: 100%; table-layout: fixed; }
.facts th, .facts td { padding: .25rem .8rem; }
.pair { display: grid; gap: 0 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
.facts td { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .86rem; }
pre { margin: 0; padding: .9rem 1.1rem; background: var(--box); border: 1px solid var(--line);
  border-radius: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .9rem; }
figure { margin: 0 0 1rem; padding: .8rem; background: #fff; border: 1px solid var(--line);
  border-radius: .6rem; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; }
figcaption { margin-top: .4rem; color: #666; font-size: .9rem; text-align: center; }
.gallery { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); }
.gallery figure { margin: 0; }
@media print { :root { --page: #fff; --box: #fff; --ink: #000; --soft: #444; --line: #bbb; }
  body { padding: 0; font-size: 11pt; } section { break-inside: avoid-page; } }
</style>
</head>
<body>
<header>
<h1>$title</h1>
<div class="state $tone">$state</div>
$description
</header>
$body
</body>
</html>
"""
