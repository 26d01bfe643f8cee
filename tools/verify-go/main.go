// Verifies an export of Formicary with golang.org/x/mod/sumdb, by a pinned key: verify EXPORT VKEY [CHECKPOINT...]. VKEY
// may be several keys of a log, a line each; lines that begin with # say something about them. Written apart from the
// product and from verify.py, on other code.
// Ends with 1 when something does not hold.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
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

// p256 verifies ECDSA signatures, which x/mod does not know (c2sp.org/signed-note, type 0x02).
type p256 struct {
	name string
	hash uint32
	key  *ecdsa.PublicKey
}

func (k p256) Name() string    { return k.name }
func (k p256) KeyHash() uint32 { return k.hash }
func (k p256) Verify(msg, sig []byte) bool {
	digest := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(k.key, digest[:], sig)
}

func verifierOf(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return note.NewVerifier(vkey)
	}
	data, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(data) < 2 || data[0] != 2 {
		return note.NewVerifier(vkey)
	}
	parsed, err := x509.ParsePKIXPublicKey(data[1:])
	key, isECDSA := parsed.(*ecdsa.PublicKey)
	id := sha256.Sum256(data[1:])
	if err != nil || !isECDSA || key.Curve != elliptic.P256() || fmt.Sprintf("%x", id[:4]) != parts[1] {
		return nil, fmt.Errorf("malformed verifier key")
	}
	return p256{parts[0], binary.BigEndian.Uint32(id[:4]), key}, nil
}

func main() {
	verifiers, given := []note.Verifier{}, map[string]bool{}
	for _, vkey := range strings.Split(os.Args[2], "\n") {
		// x/mod takes no key twice.
		if vkey = strings.TrimSpace(vkey); vkey != "" && vkey[0] != '#' && !given[vkey] {
			verifiers, given[vkey] = append(verifiers, must(verifierOf(vkey))), true
		}
	}
	if len(verifiers) == 0 {
		must(0, fmt.Errorf("give a verifier key"))
	}
	key, known := verifiers[0], note.VerifierList(verifiers...)
	for _, other := range verifiers {
		if other.Name() != key.Name() {
			must(0, fmt.Errorf("give the keys of one log"))
		}
	}
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
		opened, err := note.Open([]byte(n[1]), known)
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
