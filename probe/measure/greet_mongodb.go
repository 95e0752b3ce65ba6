//go:build linux

package measure

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/sallyport/sallyport/probe"
)

// MongoDB's wire protocol: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const (
	opMsg        = 2013
	maxMongoSize = 48 << 10
)

// greetMongoDB says hello, which needs no login, and asks for the build, which mostly needs none.
func greetMongoDB(s *session) (*probe.Answer, error) {
	hello, err := s.mongo(1, "hello")
	if err != nil {
		return nil, err
	}
	wire, some := hello["maxWireVersion"].(float64)
	if !some {
		return nil, errOther
	}
	a := &probe.Answer{Service: "mongodb", Version: fmt.Sprintf("wire version %d", int(wire))}
	if set, ok := hello["setName"].(string); ok {
		a.Detail = append(a.Detail, "replica set "+clean(set))
	}
	if hello["msg"] == "isdbgrid" {
		a.Detail = append(a.Detail, "a mongos")
	}
	if hello["isWritablePrimary"] == false {
		a.Detail = append(a.Detail, "not the primary")
	}
	build, err := s.mongo(2, "buildInfo")
	if err != nil {
		return a, nil // the hello has proved it
	}
	if v, ok := build["version"].(string); ok {
		a.Version = clean(v) + ", " + a.Version
	}
	if v, ok := build["ferretdbVersion"].(string); ok {
		name := "FerretDB " + clean(v)
		if v == "unknown" { // as where another program embeds it
			name = "FerretDB"
		}
		a.Version = name + " as MongoDB " + a.Version
	}
	return a, nil
}

// mongo runs a command on the database admin, and returns the plain fields of the answer.
func (s *session) mongo(id uint32, command string) (map[string]any, error) {
	if err := s.say(string(mongoCommand(id, command))); err != nil {
		return nil, err
	}
	head, err := s.bytes(16)
	if err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head)
	if size < 26 || size > maxMongoSize || binary.LittleEndian.Uint32(head[8:]) != id || binary.LittleEndian.Uint32(head[12:]) != opMsg {
		return nil, errOther
	}
	body, err := s.bytes(int(size) - 16)
	if err != nil {
		return nil, err
	}
	return mongoAnswer(body)
}

// mongoCommand is an OP_MSG with one section, a document of two fields: {COMMAND: 1, $db: "admin"}.
func mongoCommand(id uint32, command string) []byte {
	doc := binary.LittleEndian.AppendUint32([]byte("\x10"+command+"\x00"), 1)
	doc = append(binary.LittleEndian.AppendUint32(append(doc, "\x02$db\x00"...), 6), "admin\x00\x00"...)
	le := binary.LittleEndian.AppendUint32
	b := le(nil, uint32(16+4+1+4+len(doc)))
	b = le(le(le(b, id), 0), opMsg)
	b = append(le(b, 0), 0)
	return append(le(b, uint32(4+len(doc))), doc...)
}

// mongoAnswer reads the body of an OP_MSG: flags, and a section of kind 0.
func mongoAnswer(b []byte) (map[string]any, error) {
	if len(b) < 10 || b[4] != 0 {
		return nil, errOther
	}
	size := binary.LittleEndian.Uint32(b[5:])
	if size < 5 || int64(size) > int64(len(b)-5) {
		return nil, errOther
	}
	return bson(b[5 : 5+size])
}

// bson reads the fields of a document that are texts, numbers (as float64) and booleans (https://bsonspec.org/spec.html).
func bson(b []byte) (map[string]any, error) {
	r := &reader{b: b[4:]}
	fields := map[string]any{}
	for !r.bad {
		kind := r.u8()
		if kind == 0 {
			break
		}
		name := string(r.until(0))
		switch kind {
		case 1:
			if v := r.take(8); v != nil {
				fields[name] = math.Float64frombits(binary.LittleEndian.Uint64(v))
			}
		case 2:
			if v := r.take(r.le32()); len(v) > 0 {
				fields[name] = string(v[:len(v)-1])
			}
		case 3, 4:
			r.take(r.le32() - 4)
		case 5:
			r.take(r.le32() + 1)
		case 7:
			r.take(12)
		case 8:
			fields[name] = r.u8() == 1
		case 9, 17:
			r.take(8)
		case 10:
		case 16:
			fields[name] = float64(int32(r.le32()))
		case 18:
			if v := r.take(8); v != nil {
				fields[name] = float64(int64(binary.LittleEndian.Uint64(v)))
			}
		case 11:
			r.until(0)
			r.until(0)
		case 19:
			r.take(16)
		default:
			return nil, &otherProtocol{"mongodb", "sent a field of kind " + strconv.Itoa(int(kind))}
		}
	}
	if r.bad || len(r.b) > 0 {
		return nil, errOther
	}
	return fields, nil
}

func (r *reader) le32() int {
	if b := r.take(4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}
