package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

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
		return nil, errors.New("malformed verifier key")
	}
	return p256{parts[0], binary.BigEndian.Uint32(id[:4]), key}, nil
}

// keysOf reads the keys of one log, a line each, or the file that holds them. Lines that begin with # say something about
// them.
func keysOf(given string) (log string, known note.Verifiers) {
	if !strings.Contains(given, "+") {
		given = string(must(os.ReadFile(given)))
	}
	verifiers, seen := []note.Verifier{}, map[string]bool{}
	for _, vkey := range strings.Split(given, "\n") {
		// x/mod takes no key twice.
		if vkey = strings.TrimSpace(vkey); vkey != "" && vkey[0] != '#' && !seen[vkey] {
			verifiers, seen[vkey] = append(verifiers, must(verifierOf(vkey))), true
		}
	}
	if len(verifiers) == 0 {
		must(0, errors.New("give a verifier key"))
	}
	for _, other := range verifiers {
		if other.Name() != verifiers[0].Name() {
			must(0, errors.New("give the keys of one log"))
		}
	}
	return verifiers[0].Name(), note.VerifierList(verifiers...)
}
