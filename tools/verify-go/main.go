// Verifies an export of Formicary with golang.org/x/mod/sumdb, by a pinned key: verify-go EXPORT KEY [CHECKPOINT...].
// EXPORT is .jsonl or .jsonl.gz, KEY a verifier key or a file with one or several of a log, a line each, CHECKPOINT files
// with checkpoints that were kept. Written apart from the product and from verify.py, on other code; finds the same.
// Prints a line for each fault, and ends with 1 when there is one, with 2 when nothing could be verified.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var bad = 0

func fault(kind, format string, args ...any) {
	bad = 1
	fmt.Printf("%-12s %s\n", kind, fmt.Sprintf(format, args...))
}

// must ends with 2: nothing was verified.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}

func sha(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// ---------------------------------------------------------------------------------------------------------- the export

type place struct {
	stream string
	index  int64
}

func (p place) String() string { return fmt.Sprintf("%s@%d", p.stream, p.index) }
func (p place) tenant() string { return strings.Split(p.stream, "/")[0] }

type receipt struct {
	line             int
	hash, body, time string
}

func (r receipt) isWhole() bool { return sha(r.body) == r.hash }

// object reads one in which each name stands once: else it means two things. Names are compared as they are written.
func object(text []byte) (map[string]any, error) {
	if err := once(json.NewDecoder(bytes.NewReader(text))); err != nil {
		return nil, err
	}
	decoder, read := json.NewDecoder(bytes.NewReader(text)), map[string]any(nil)
	decoder.UseNumber()
	if err := decoder.Decode(&read); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF || read == nil {
		return nil, errors.New("no object")
	}
	return read, nil
}

func once(decoder *json.Decoder) error {
	token, err := decoder.Token()
	opened, isOpened := token.(json.Delim)
	if err != nil || !isOpened {
		return err
	}
	for names := map[any]bool{}; decoder.More(); {
		if opened == '{' {
			name, err := decoder.Token()
			if err != nil || names[name] {
				return cmp.Or(err, errors.New("a name stands twice"))
			}
			names[name] = true
		}
		if err := once(decoder); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

// most is the largest integer that every reader keeps.
const most = 1<<53 - 1

func number(value any) (int64, bool) {
	written, _ := value.(json.Number)
	read, err := written.Int64()
	return read, err == nil && -most <= read && read <= most
}

func texts(value any) (found []string, all bool) {
	list, all := value.([]any)
	for _, each := range list {
		text, isText := each.(string)
		found, all = append(found, text), all && isText
	}
	return
}

type export struct {
	receipts map[place]receipt
	streams  map[string][]int64
	entries  map[int64]string
	// Of what stands behind a leaf that stands there twice nothing is taken.
	end int64
}

// readExport takes what belongs to the log of that name, and all receipts; of one that stands there twice the first.
func readExport(file, log string) export {
	read := export{map[place]receipt{}, map[string][]int64{}, map[int64]string{}, 1 << 62}
	source := io.Reader(must(os.Open(file)))
	if strings.HasSuffix(file, ".gz") {
		source = must(gzip.NewReader(source))
	}
	lines, last := bufio.NewReader(source), false
	for count := 1; !last; count++ {
		text, err := lines.ReadBytes('\n')
		if last = err == io.EOF; !last {
			must(0, err)
		}
		if text = bytes.TrimSuffix(text, []byte("\n")); len(text) == 0 {
			continue
		}
		line, err := object(text)
		first, hasFirst := number(line["first"])
		entries, hasEntries := texts(line["entries"])
		index, hasIndex := number(line["index"])
		position, hasPosition := number(line["position"])
		name, isLog := line["log"].(string)
		fields, isReceipt := texts([]any{line["stream"], line["hash"], line["body"]})
		// In the one form that a line is written in, to the byte.
		form := ""
		if err == nil && isLog && hasFirst && hasEntries {
			if form = ofEntries(name, first, entries); name == log && form == string(text) {
				read.take(first, entries)
			}
		} else if err == nil && hasIndex && isReceipt {
			if form = ofReceipt(fields, index); hasPosition {
				form = fmt.Sprintf(`{"position":%d,`, position) + form[1:]
			}
			if form == string(text) {
				read.add(place{fields[0], index}, receipt{count, fields[1], fields[2], ""})
			}
		}
		if form != string(text) {
			must(0, fmt.Errorf("line %d is none of an export", count))
		}
	}
	if len(read.receipts) == 0 {
		must(0, fmt.Errorf("%s holds no receipt", file))
	}
	return read
}

func ofEntries(log string, first int64, entries []string) string {
	quoted := []string{}
	for _, entry := range entries {
		quoted = append(quoted, quote(entry))
	}
	return fmt.Sprintf(`{"log":%s,"first":%d,"entries":[%s]}`, quote(log), first, strings.Join(quoted, ","))
}

func ofReceipt(fields []string, index int64) string {
	return fmt.Sprintf(`{"stream":%s,"index":%d,"hash":%s,"body":%s}`, quote(fields[0]), index, quote(fields[1]), quote(fields[2]))
}

var escapes = map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

// quote writes a text as exports have it: escaped is what has to be, and NUL is in none.
func quote(text string) string {
	written := strings.Builder{}
	written.WriteByte('"')
	for _, each := range text {
		if short, has := escapes[each]; has {
			written.WriteString(short)
		} else if each > 0 && each < ' ' {
			fmt.Fprintf(&written, `\u%04x`, each)
		} else {
			written.WriteRune(each)
		}
	}
	written.WriteByte('"')
	return written.String()
}

func (e *export) take(first int64, entries []string) {
	for i, entry := range entries {
		leaf := first + int64(i)
		if _, twice := e.entries[leaf]; twice {
			fault("log-altered", "leaf %d stands there twice", leaf)
			e.end = min(e.end, leaf+1)
			continue
		}
		e.entries[leaf] = entry
	}
}

func (e *export) add(at place, found receipt) {
	if _, twice := e.receipts[at]; twice {
		fault("inserted", "%s stands there twice", at)
		return
	}
	e.receipts[at] = found
	e.streams[at.stream] = append(e.streams[at.stream], at.index)
}

// leaves are the entries without a gap.
func (e *export) leaves() (found []string) {
	for leaf := int64(0); leaf < e.end; leaf++ {
		entry, there := e.entries[leaf]
		if !there {
			if int(leaf) < len(e.entries) {
				fault("log-altered", "leaf %d is not there", leaf)
			}
			return
		}
		found = append(found, entry)
	}
	return
}

// ----------------------------------------------------------------------------------------------------- chains of streams

var (
	streamForm = regexp.MustCompile(`^[^/]+/[^/]+/[^/]+$`)
	timeForm   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
)

// timeOf is empty where it is no time as receipts have it.
func timeOf(at string) string {
	if _, err := time.Parse(time.RFC3339, at); err != nil || !timeForm.MatchString(at) {
		return ""
	}
	return at
}

// chain looks at each receipt of a stream, and at where it stands. Calls signed with what receipts of a log have signed.
func (e *export) chain(stream string, signed func(from place, data map[string]any)) {
	previous, before, expected, line := any(nil), "", int64(0), 0
	for _, index := range slices.Sorted(slices.Values(e.streams[stream])) {
		at := place{stream, index}
		found := e.receipts[at]
		if !found.isWhole() {
			fault("altered", "%s: its bytes have another hash", at)
		}
		commit, err := object([]byte(found.body))
		own, _ := commit["stream"].(string)
		said, isTime := commit["at"].(string)
		_, isText := commit["previousHash"].(string)
		none, has := commit["previousHash"]
		if err != nil || !streamForm.MatchString(own) || !isTime || !(isText || (has && none == nil)) {
			fault("unreadable", "%s: its bytes are no receipt", at)
			said = before
		} else {
			if place, isNumber := number(commit["index"]); own != stream || !isNumber || place != index {
				fault("misplaced", "%s: says that it is %s@%v", at, own, commit["index"])
			}
			if index > expected {
				fault("missing", "%s: %d to %d before it are not there", at, expected, index-1)
			} else if index < expected {
				fault("reordered", "%s: no stream begins there", at)
			} else if commit["previousHash"] != previous {
				fault("inserted", "%s: does not follow from the one before it", at)
			}
			if said < before {
				fault("backdated", "%s: is of %s, and the one before it of %s", at, said, before)
			}
		}
		if found.line < line {
			fault("reordered", "%s: stands before the one that it follows", at)
		}
		ownTime, _ := commit["at"].(string)
		found.time = timeOf(ownTime)
		e.receipts[at] = found
		previous, before, expected, line = found.hash, said, index+1, found.line
		events, _ := commit["events"].([]any)
		for _, each := range events {
			event, _ := each.(map[string]any)
			if data, isData := event["data"].(map[string]any); isData && event["type"] == "CheckpointSigned" {
				signed(at, data)
			}
		}
	}
}

// ------------------------------------------------------------------------------------------------------ the signed log

type checkpoint struct {
	from string
	size int64
	root string
}

// open reads a note that one of the keys has signed.
func open(from, text, log string, known note.Verifiers) (checkpoint, bool) {
	opened, err := note.Open([]byte(text), known)
	var other *note.UnverifiedNoteError
	if errors.As(err, &other) {
		fault("other-key", "%s: %v", from, err)
		return checkpoint{}, false
	}
	fields := []string{"", "", ""}
	if err == nil {
		fields = append(strings.Split(opened.Text, "\n"), fields...)
		if fields[0] != log {
			fault("other-key", "%s: of the log %s", from, fields[0])
			return checkpoint{}, false
		}
	}
	size, notNumber := strconv.ParseInt(fields[1], 10, 64)
	if _, notHash := tlog.ParseHash(fields[2]); err != nil || notNumber != nil || notHash != nil || strconv.FormatInt(size, 10) != fields[1] || size < 0 {
		fault("forged", "%s: no checkpoint, or its signature does not fit: %v", from, err)
		return checkpoint{}, false
	}
	return checkpoint{from, size, fields[2]}, true
}

type head struct {
	place
	hash string
}

// headsHash is over the last receipt of each stream. A page holds 1,024; more are divided.
func headsHash(heads []head, depth int) string {
	page := strings.Builder{}
	if len(heads) <= 1024 {
		slices.SortFunc(heads, func(a, b head) int { return strings.Compare(a.stream, b.stream) })
		for _, each := range heads {
			fmt.Fprintf(&page, "%s %s\n", each.place, each.hash)
		}
		return sha(page.String())
	}
	groups := map[string][]head{}
	for _, each := range heads {
		digit := sha(each.stream)[depth : depth+1]
		groups[digit] = append(groups[digit], each)
	}
	for _, digit := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(&page, "%s %s\n", digit, headsHash(groups[digit], depth+1))
	}
	return sha(page.String())
}

var leafForm = regexp.MustCompile(`^commit (\S+)@(\d{1,12}) ([0-9a-f]{64})$`)

// headOf reads a leaf that names a receipt.
func headOf(entry string) (head, bool) {
	parts := leafForm.FindStringSubmatch(entry)
	if parts == nil {
		return head{}, false
	}
	index, _ := strconv.ParseInt(parts[2], 10, 64)
	return head{place{parts[1], index}, parts[3]}, true
}

// believed is how many leaves give a root that was signed, up to the last that fits.
func believed(leaves []string, log string, shown map[int64]checkpoint, kept []checkpoint) int64 {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) (found []tlog.Hash, _ error) {
		for _, i := range at {
			found = append(found, stored[i])
		}
		return
	})
	for i, leaf := range leaves {
		stored = append(stored, must(tlog.StoredHashes(int64(i), []byte(leaf), reader))...)
	}
	rootAt := func(size int64) string { return must(tlog.TreeHash(size, reader)).String() }
	size, newest, fits := int64(len(leaves)), int64(0), int64(0)
	for _, each := range shown {
		newest = max(newest, each.size)
		if each.size > size {
			fault("log-altered", "the log ends at %d of %d leaves", size, each.size)
		} else if rootAt(each.size) != each.root {
			fault("log-altered", "%s: the leaves don't give the root that was signed over %d", each.from, each.size)
		} else {
			fits = max(fits, each.size)
		}
	}
	if fits > 0 && fits == newest {
		heads := map[string]head{}
		for _, leaf := range leaves[:fits] {
			if read, isCommit := headOf(leaf); isCommit {
				heads[read.stream] = read
			}
		}
		if leaves[fits-1] != fmt.Sprintf("heads %d %s", len(heads), headsHash(slices.Collect(maps.Values(heads)), 0)) {
			fault("log-altered", "another list of streams was signed")
		}
	}
	if len(shown) > 0 && size > newest {
		fault("rolled-back", "the log goes on after the newest checkpoint, of %d leaves", newest)
	}
	for _, each := range kept {
		if each.size <= size && rootAt(each.size) != each.root {
			fault("split-view", "%s: another root was signed over %d leaves", each.from, each.size)
		}
		if each.size > newest {
			fault("rolled-back", "%s is of %d leaves, the newest of the export of %d", each.from, each.size, newest)
		}
	}
	return fits
}

// hold holds the receipts of these tenants against the leaves; answers how many are as logged, and how many not logged.
func (e *export) hold(leaves []string, believed int64, tenants map[string]bool) (covered, newer int) {
	seen, logged, ends, latest := map[place]bool{}, map[place]bool{}, map[string]int64{}, ""
	for leaf, entry := range leaves {
		read, isCommit := headOf(entry)
		if !isCommit {
			continue
		}
		if seen[read.place] {
			fault("log-altered", "%s is in the log twice", read.place)
			continue
		}
		if seen[read.place] = true; int64(leaf) >= believed {
			continue
		}
		logged[read.place] = true
		ends[read.stream] = max(ends[read.stream], read.index)
		if found, there := e.receipts[read.place]; !there {
			fault("missing", "%s was dropped, or its stream deleted", read.place)
		} else if found.hash != read.hash {
			fault("rewritten", "%s is another one than was logged", read.place)
		} else {
			// The time of bytes that were altered is nobody's.
			if covered++; found.isWhole() {
				latest = max(latest, found.time)
			}
		}
	}
	early := ""
	if latest != "" {
		early = must(time.Parse(time.RFC3339, latest)).Add(-300 * time.Second).Format("2006-01-02T15:04:05.000Z")
	}
	for at, found := range e.receipts {
		if logged[at] || !tenants[at.tenant()] {
			continue
		}
		newer++
		if end, has := ends[at.stream]; (has && at.index <= end) || found.time < early {
			fault("inserted", "%s is not in the log, which is newer", at)
		}
	}
	return
}

func main() {
	if len(os.Args) < 3 {
		must(0, errors.New("usage: verify-go EXPORT KEY [CHECKPOINT...]; KEY is a verifier key, or a file with those of one log"))
	}
	log, known := keysOf(os.Args[2])
	read := readExport(os.Args[1], log)
	shown, tenants, kept, refused := map[int64]checkpoint{}, map[string]bool{}, []checkpoint{}, false
	opened := func(from, text string) (checkpoint, bool) {
		found, fits := open(from, text, log, known)
		refused = refused || !fits
		return found, fits
	}
	for _, stream := range slices.Sorted(maps.Keys(read.streams)) {
		parts := strings.Split(stream, "/")
		ofLog := len(parts) == 3 && parts[0] != "" && parts[1] == "log" && parts[2] == "checkpoints"
		read.chain(stream, func(from place, data map[string]any) {
			text, isText := data["note"].(string)
			if !ofLog || data["origin"] != log || !isText {
				return
			}
			tenants[parts[0]] = true
			found, fits := opened(from.String(), text)
			if !fits {
				return
			}
			if other, has := shown[found.size]; has && other.root != found.root {
				fault("split-view", "%s: another root was signed over %d leaves", from, found.size)
			}
			shown[found.size] = found
		})
	}
	for _, file := range os.Args[3:] {
		if found, fits := opened(file, string(must(os.ReadFile(file)))); fits {
			kept = append(kept, found)
		}
	}
	if len(shown) == 0 && !refused {
		fault("other-key", "no checkpoint of the log %s is there", log)
	}
	if len(tenants) > 1 {
		fault("split-view", "%v say that they have the log %s", slices.Sorted(maps.Keys(tenants)), log)
	}
	leaves := read.leaves()
	covered, newer := read.hold(leaves, believed(leaves, log, shown, kept), tenants)
	fmt.Printf("%s: %d checkpoints, %d leaves, %d receipts as logged, %d not in the log%s\n", log, len(shown), len(leaves), covered, newer, verdict(read, tenants))
	os.Exit(bad)
}

// verdict says of which receipts the key says nothing, and whether the rest holds.
func verdict(read export, tenants map[string]bool) string {
	others, count := map[string]bool{}, 0
	for at := range read.receipts {
		if len(tenants) > 0 && !tenants[at.tenant()] {
			others[at.tenant()] = true
			count++
		}
	}
	holds := map[bool]string{true: "it holds", false: "it does NOT hold"}[bad == 0]
	if count == 0 {
		return ": " + holds
	}
	return fmt.Sprintf("; %d of other tenants (%s) are NOT covered by this key; of the rest: %s", count, strings.Join(slices.Sorted(maps.Keys(others)), ", "), holds)
}
