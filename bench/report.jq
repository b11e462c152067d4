# Measurements of bench/run → which targets are met, tables in Markdown, a plot in SVG.

# ---- numbers

def median:
  sort | length as $n
  | if $n == 0 then null
    elif $n % 2 == 1 then .[($n - 1) / 2]
    else (.[$n / 2 - 1] + .[$n / 2]) / 2 end;

def trim: sub("^\\s+"; "") | sub("\\s+$"; "");

# 1234567 → 1,234,567
def grouped:
  round | tostring | explode | reverse
  | [_nwise(3)] | map(reverse | implode) | reverse | join(",");

# Three digits that say something.
def digits:
  if . == 0 then "0"
  elif . >= 100 then grouped
  elif . >= 10 then (. * 10 | round / 10 | tostring)
  elif . >= 0.1 then (. * 100 | round / 100 | tostring)
  else (. * 10000 | round / 10000 | tostring) end;

def megabytes: . / 1000000 | digits + " MB";

def shown($unit):
  if . == null then "not measured"
  elif $unit == "MB" then megabytes
  elif $unit == "" then digits
  else grouped + " " + $unit end;

# ---- figures: "part.field" → round → value

def figures:
  reduce (.measurements[] | select(.part)) as $one ({};
    reduce ($one | del(.part, .round) | to_entries[]) as $field (.;
      .["\($one.part).\($field.key)"]["\($one.round)"] = $field.value));

def figure($name):
  if $name | startswith("*.")
  then [to_entries[] | select(.key | endswith($name[1:])) | .value[]] | if . == [] then null else {"1": max} end
  else .[$name] end;

def middle($name): figure($name) | if . == null then null else [.[]] | median end;

# Round by round where both have the same rounds: what slows one down slows the other.
def quotient($value; $of):
  if $value == null or $of == null then null
  elif ($value | keys) == ($of | keys)
  then [$value | to_entries[] | .value / $of[.key]] | median
  else ([$value[]] | median) / ([$of[]] | median) end;

# ---- targets

def parsed_targets:
  split("\n") | map(select(test("^\\s*[^#\\s]")) | split("|") | map(trim))
  | map({what: .[0], figure: .[1], of: .[2]}
    + (.[3] | capture("^(?<op>[<>]=)\\s*(?<bound>[0-9.]+)\\s*(?<unit>.*)$") | .bound |= tonumber)
    | if .unit == "MB" then .bound *= 1000000 else . end);

def judged($figures):
  .measured = (. as $target | $figures
    | if $target.of == "" then middle($target.figure)
      else quotient(figure($target.figure); figure($target.of)) end)
  # Whose figure it is, where any part's may be.
  | .figure = (.figure as $name | if $name | startswith("*.")
      then [$figures | to_entries[] | select(.key | endswith($name[1:]))] | if . == [] then $name else max_by(.value | [.[]] | max).key end
      else $name end)
  | .met = (if .measured == null then null
    elif .op == ">=" then .measured >= .bound
    else .measured <= .bound end);

def evaluate($targets):
  figures as $figures
  | .targets = ($targets | parsed_targets | map(judged($figures)))
  | .medians = ($figures | map_values([.[]] | median));

# ---- what was measured, in words

def in_words:
  {
    "decode": "reading and decoding, nothing else",
    "scan": "`tcpdump -r` of everything",
    "scan-host": "`tcpdump -r` of one host",
    "copy": "`cp`",
    "peer.tshark": "`tshark -T ek`, sent by curl",
    "peer.scapy": "a loop with scapy, sent by curl"
  }[.] // (
    {
      "ingest": "ingest",
      "fetch": "fetch everything",
      "fetch-pcapng": "fetch everything, as pcapng",
      "host": "fetch one host",
      "post": "the same bulk bodies posted by curl",
      "page": "the same pages, thrown away",
      "host-page": "pages of one host, thrown away",
      "store": "on disk"
    } as $words
    | split(".")
    | if .[0] == "memory" then "\(.[1]), \(.[2]) of \(.[3] | tonumber | grouped) packets"
      elif .[0] == "embedded" then "embedded: \($words[.[1]])"
      elif .[0] | startswith("embedded-") then "embedded, \(.[0][9:]): \($words[.[1]])"
      else "Elasticsearch, \(.[0]): \($words[.[1]])" end);

# ---- tables

def width: map(length) | max;
def padded($width): . + " " * ($width - length);
def rule: "-" * .;

# Rows of texts, the first of them the head, as a table that can also be read as it is.
def table:
  (transpose | map(width)) as $widths
  | [.[0], ($widths | map(rule)), .[1:][]]
  | map([., $widths] | transpose | map(.[0] as $text | .[1] as $width | $text | padded($width))
    | "| " + join(" | ") + " |")
  | join("\n");

def verdict: if .met == null then "—" elif .met then "met" else "NOT MET" end;

def target_table:
  [["what", "target", "measured", "", "by"]]
  + [.targets[] | . as $target | [
      .what,
      "\(.op) \(.bound | shown($target.unit))",
      (.measured | shown($target.unit)),
      verdict,
      "`\(.figure)`" + (if .of == "" then "" else " / `\(.of)`" end)
    ]]
  | table;

# Parts that have a field, in the order of their first measurement.
def parts_with($field):
  reduce (.measurements[] | select(.part and .[$field] != null) | .part) as $part ([];
    if index([$part]) then . else . + [$part] end);

def spread($name): figure($name) | [.[]] | "\(min | grouped)–\(max | grouped)";

def optional($name; f): middle($name) | if . == null then "" else f end;

def rate_table:
  figures as $figures
  | [["what", "packets", "seconds", "packets/s", "least–most", "CPU, s", "server's CPU, s"]]
  + [parts_with("rate")[] | select(startswith("memory.") | not) | . as $part | $figures | [
      ($part | in_words),
      (middle("\($part).packets") | grouped),
      (middle("\($part).seconds") | digits),
      (middle("\($part).rate") | grouped),
      spread("\($part).rate"),
      optional("\($part).cpu"; digits),
      if $part | in_words | startswith("Elasticsearch") then optional("\($part).server_cpu"; digits) else "" end
    ]]
  | table;

def size_table:
  figures as $figures
  | ($figures | middle("capture.size")) as $capture
  | [["what", "bytes", "of the capture"]]
  + [parts_with("size")[] | . as $part | ($figures | middle("\($part).size")) | [
      (if $part == "capture" then "capture" else $part | in_words end),
      grouped, (. / $capture | digits)
    ]]
  | table;

def first_table:
  figures as $figures
  | [["what", "seconds to the first packet, or page"]]
  + [parts_with("first")[] | . as $part | $figures | [($part | in_words), (middle("\($part).first") | digits)]]
  | table;

def memory_table:
  figures as $figures
  | [["what", "largest, as the kernel counts", "without mapped files"]]
  + [parts_with("memory")[] | . as $part | $figures | [
      ($part | in_words),
      (figure("\($part).memory") | [.[]] | max | megabytes),
      optional("\($part).anonymous"; megabytes)
    ]]
  | table;

def section($title; f): f as $text | if ($text | split("\n") | length) > 2 then "## \($title)\n\n\($text)\n" else empty end;

def markdown:
  .environment as $e | .medians as $m
  | [
      "# Measured on \($e.date)\n",
      "\($e.archiver)\(if $e.commit == "" then "" else " (\($e.commit))" end), \(if $e.elasticsearch == "" then "" else "Elasticsearch \($e.elasticsearch) with a heap of \($e.heap), " end)"
        + "\($e.cores) cores shared by everything, \($e.memory / 1073741824 | round) GiB. "
        + "Capture: \($e.capture), \($m["capture.packets"] | grouped) packets, "
        + "\($m["capture.size"] / $m["capture.packets"] | digits) bytes each in the file. "
        + "Medians of \($e.rounds) rounds. The one host is \($e.host). "
        + "Figures compare with each other and with nothing else.\n",
      section("Targets"; target_table),
      "![Rates and what they are measured against](rates.svg)\n",
      section("Rates"; rate_table),
      section("Sizes"; size_table),
      section("First packet"; first_table),
      section("Memory"; memory_table),
      (if any(.measurements[]; .skipped) then
        "## Skipped\n\n" + ([.measurements[] | select(.skipped) | "- \(.skipped)"] | join("\n")) + "\n"
      else empty end)
    ] | join("\n");

# Of bench/settings: each setting beside the default, which comes first.
# A figure, and what it is of that of the first row.
def compared($figures; $name; $first; f):
  ($figures | middle($name)) as $value
  | "\($value | f) (× \($value / ($figures | middle($first)) | digits))";

def settings_table:
  figures as $figures
  | (parts_with("cpu") | map(select(endswith(".ingest")) | rtrimstr(".ingest"))) as $names
  | [["settings", "ingest, packets/s", "on disk, of the capture", "fetch, packets/s", "one host, packets/s", "first packet, s", "server's CPU of ingest, s"]]
  + [$names[] | [
      .,
      compared($figures; "\(.).ingest.rate"; "\($names[0]).ingest.rate"; grouped),
      ($figures | middle("capture.size")) as $capture
        | compared($figures; "\(.).store.size"; "\($names[0]).store.size"; . / $capture | digits),
      compared($figures; "\(.).fetch.rate"; "\($names[0]).fetch.rate"; grouped),
      compared($figures; "\(.).host.rate"; "\($names[0]).host.rate"; grouped),
      compared($figures; "\(.).fetch.first"; "\($names[0]).fetch.first"; digits),
      compared($figures; "\(.).ingest.server_cpu"; "\($names[0]).ingest.server_cpu"; digits)
    ]]
  | table;

def forms_table:
  figures as $figures
  | (parts_with("bytes") | map(rtrimstr(".paged"))) as $names
  | ($figures | middle("capture.size")) as $capture
  | [["form", "posted, packets/s", "server's CPU of that, s", "on disk, of the capture", "paged, packets/s", "bytes of the pages, of the capture"]]
  + [$names[] | [
      .,
      compared($figures; "\(.).posted.rate"; "\($names[0]).posted.rate"; grouped),
      compared($figures; "\(.).posted.server_cpu"; "\($names[0]).posted.server_cpu"; digits),
      compared($figures; "\(.).stored.size"; "\($names[0]).stored.size"; . / $capture | digits),
      compared($figures; "\(.).paged.rate"; "\($names[0]).paged.rate"; grouped),
      compared($figures; "\(.).paged.bytes"; "\($names[0]).paged.bytes"; . / $capture | digits)
    ]]
  | table;

# ---- plot: each rate that has a target, and below it what it is measured against

def escaped: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub("`"; "");

def bars:
  .medians as $m
  | [.targets[] | select((.figure | endswith(".rate")) and .measured != null)
    | . as $target
    | ($m[.figure]) as $value
    | (if .of == "" then null else $m[.of] end) as $floor
    | (if $floor == null then .bound else .bound * $floor end) as $bound
    | ([$value, $floor // 0, $bound] | max) as $most
    | {
        title: "\(.what): \(.measured | shown($target.unit)), target \(.op) \(.bound | shown($target.unit))",
        met, at: ($bound / $most),
        bars: ([{label: (.figure | rtrimstr(".rate") | in_words), value: $value, own: true}]
          + if $floor == null then [] else [{label: (.of | rtrimstr(".rate") | in_words), value: $floor, own: false}] end
          | map(.share = .value / $most))
      }];

def plot:
  400 as $left | 360 as $width | 20 as $step
  | bars as $groups
  | reduce $groups[] as $group ({y: 12, out: []};
      (.y + 14) as $top
      | (($group.bars | length) * $step) as $height
      | .out += ["<text x=\"8\" y=\"\($top)\" class=\"title\">\($group.title | escaped)</text>"]
      | .out += [range($group.bars | length) as $i | $group.bars[$i] as $bar | ($top + 8 + $i * $step) as $y
          | "<text x=\"\($left - 8)\" y=\"\($y + 12)\" class=\"label\">\($bar.label | escaped)</text>",
            "<rect x=\"\($left)\" y=\"\($y)\" width=\"\($bar.share * $width | round)\" height=\"\($step - 5)\" class=\"\(if $bar.own | not then "floor" elif $group.met then "met" else "missed" end)\"/>",
            "<text x=\"\($left + ($bar.share * $width | round) + 6)\" y=\"\($y + 12)\">\($bar.value | grouped)/s</text>"]
      | ($left + ($group.at * $width | round)) as $x
      | .out += ["<line x1=\"\($x)\" x2=\"\($x)\" y1=\"\($top + 4)\" y2=\"\($top + 7 + $height)\"/>"]
      | .y = $top + $height + 16)
  | "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 \(.y)\" width=\"900\" height=\"\(.y)\">
<style>
text { font: 12px sans-serif; fill: #222 }
.title { font-weight: bold }
.label { text-anchor: end }
.floor { fill: #bbb }
.met { fill: #2b7a4b }
.missed { fill: #b5452c }
line { stroke: #222; stroke-width: 2 }
</style>
<rect width=\"900\" height=\"\(.y)\" fill=\"#fff\"/>
\(.out | join("\n"))
</svg>";
