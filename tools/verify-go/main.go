// Verifies an export of Formicary with golang.org/x/mod/sumdb, by a pinned key: verify EXPORT VKEY [CHECKPOINT...].
// Written apart from the product and from verify.py, on other code. Ends with 1 when something does not hold.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type line struct {
	Stream, Hash, Body, Log string
	Index, First            int64
	Entries                 []string
}

var bad = 0

func fault(kind, format string, args ...any) { bad = 1; fmt.Printf("%-12s %s\n", kind, fmt.Sprintf(format, args...)) }

// must ends with 2: nothing was verified.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	return value
}

func main() {
	key := must(note.NewVerifier(strings.TrimSpace(os.Args[2])))
	receipts, streams, entries, notes := map[string]string{}, map[string]bool{}, map[int64]string{}, [][2]string{}
	scanner := bufio.NewScanner(must(os.Open(os.Args[1])))
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		var l line
		must(0, json.Unmarshal(scanner.Bytes(), &l))
		for i, entry := range l.Entries {
			if l.Log == key.Name() {
				entries[l.First+int64(i)] = entry
			}
		}
		if l.Stream == "" {
			continue
		}
		ref := fmt.Sprintf("%s@%d", l.Stream, l.Index)
		if fmt.Sprintf("%x", sha256.Sum256([]byte(l.Body))) != l.Hash {
			fault("altered", "%s: its bytes have another hash", ref)
		}
		receipts[ref], streams[l.Stream] = l.Hash, true
		var commit struct {
			Events []struct {
				Type string
				Data struct{ Origin, Note string }
			}
		}
		if json.Unmarshal([]byte(l.Body), &commit) == nil && strings.HasSuffix(l.Stream, "/log/checkpoints") {
			for _, event := range commit.Events {
				if event.Data.Origin == key.Name() {
					notes = append(notes, [2]string{ref, event.Data.Note})
				}
			}
		}
	}
	must(0, scanner.Err())
	for _, file := range os.Args[3:] {
		notes = append(notes, [2]string{file, string(must(os.ReadFile(file)))})
	}
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) (found []tlog.Hash, _ error) {
		for _, i := range at {
			found = append(found, stored[i])
		}
		return
	})
	size := int64(len(entries))
	for i := range size {
		stored = append(stored, must(tlog.StoredHashes(i, []byte(entries[i]), read))...)
	}
	shown, newest, believed := 0, int64(0), int64(0)
	for _, n := range notes {
		opened, err := note.Open([]byte(n[1]), note.VerifierList(key))
		if _, other := err.(*note.UnverifiedNoteError); other {
			fault("other-key", "%s: %v", n[0], err)
			continue
		} else if err != nil {
			fault("forged", "%s: %v", n[0], err)
			continue
		}
		var signed int64
		fields := strings.Split(opened.Text, "\n")
		fmt.Sscan(fields[1], &signed)
		isShown := receipts[n[0]] != ""
		if isShown {
			shown, newest = shown+1, max(newest, signed)
		} else if signed > newest {
			fault("rolled-back", "%s is of %d leaves, the newest of the export of %d", n[0], signed, newest)
			continue
		}
		kind := map[bool]string{true: "log-altered", false: "split-view"}[isShown]
		if signed > size {
			fault("log-altered", "the log ends at %d of %d leaves", size, signed)
		} else if root := must(tlog.TreeHash(signed, read)); fields[0] != key.Name() || root.String() != fields[2] {
			fault(kind, "%s: the leaves don't give the root that was signed over %d", n[0], signed)
		} else if isShown {
			believed = max(believed, signed)
		}
	}
	if shown == 0 {
		fault("other-key", "no checkpoint of the log %s is signed by the key", key.Name())
	} else if size > newest {
		fault("rolled-back", "the log goes on after the newest checkpoint, of %d leaves", newest)
	}
	for i := range believed {
		var kind, ref, hash string
		if fmt.Sscan(entries[i], &kind, &ref, &hash); kind != "commit" {
			continue
		}
		if found, there := receipts[ref]; !there {
			fault("missing", "%s was dropped, or its stream deleted", ref)
		} else if found != hash {
			fault("rewritten", "%s is another one than was logged", ref)
		}
	}
	fmt.Printf("%s: %d checkpoints, %d leaves, %d receipts; faults: %v\n", key.Name(), shown, size, len(receipts), bad == 1)
	os.Exit(bad)
}
