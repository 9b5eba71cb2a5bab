// Checks a whole export of a Sallyport audit log with the library that Go itself checks its module log with: golang.org/x/mod/sumdb, whose
// package note reads the signed checkpoint and whose package tlog makes the tree.
//
//	check_export DIRECTORY NAME+ID+KEY
//
// It needs a whole export, one without --from and --to. Formats: docs/audit-format.md.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// number is how C2SP tlog-tiles writes the number of a tile.
func number(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: check_export DIRECTORY NAME+ID+KEY")
	}
	dir, key := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(key)
	must(err)
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for n := int64(0); n < size; n += 256 {
		name := number(n / 256)
		if size-n < 256 {
			name += fmt.Sprintf(".p/%d", size-n)
		}
		data, err := os.ReadFile(filepath.Join(dir, "tile/entries", name))
		must(err)
		for i := n; i < n+256 && i < size; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				log.Fatalf("tile/entries/%s ends in entry %d", name, i)
			}
			length := binary.BigEndian.Uint16(data)
			hashes, err := tlog.StoredHashes(i, data[2:2+length], reader)
			must(err)
			stored = append(stored, hashes...)
			data = data[2+length:]
		}
		if len(data) > 0 {
			log.Fatalf("tile/entries/%s has %d bytes too many", name, len(data))
		}
	}
	root, err := tlog.TreeHash(size, reader)
	must(err)
	if lines[0] != verifier.Name() || root.String() != lines[2] {
		log.Fatalf("the entries make the root %v, and %v was signed for", root, lines[2])
	}
	fmt.Printf("%d entries make the root %v, signed by %s (%d other signatures)\n", size, root, verifier.Name(), len(opened.UnverifiedSigs))
}
