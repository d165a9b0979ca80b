package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/client/genericclient"
	"github.com/cloudwego/kitex/pkg/generic"
)

// genericCases are calls without generated code.
var genericCases = map[string]func(*session) error{
	"generic-map":    genericMap,
	"generic-json":   genericJSON,
	"generic-binary": genericBinary,
}

// genericClient makes a client from the IDL.
func genericClient(s *session, of func(generic.DescriptorProvider) (generic.Generic, error)) (genericclient.Client, error) {
	provider, err := generic.NewThriftFileProvider(s.idl)
	if err != nil {
		return nil, err
	}
	thrift, err := of(provider)
	if err != nil {
		return nil, err
	}
	return genericOn(s.conn, thrift)
}

func genericOn(conn *connection, thrift generic.Generic) (genericclient.Client, error) {
	return another(conn, func(name string, options ...client.Option) (genericclient.Client, error) {
		return genericclient.NewClient(name, thrift, options...)
	})
}

func genericMap(s *session) error {
	client, err := genericClient(s, generic.MapThriftGeneric)
	if err != nil {
		return err
	}
	scalars := map[string]any{
		"yes": true, "no": false, "tiny": int8(-128), "small": int16(-32768),
		"medium": int32(-1 << 31), "large": int64(-1 << 63), "real": -2.5,
		"text": "naïve 漢字 🦀", "colour": int32(1_000_000), "far": int64(1<<63 - 1), "late": true,
	}
	for method, v := range map[string]any{
		"echoBool":    true,
		"echoI64":     int64(-1 << 63),
		"echoDouble":  -1e100,
		"echoString":  strings.Repeat("naïve 漢字 🦀 ", 10_000),
		"echoScalars": scalars,
		"slow":        int32(20),
	} {
		got, err := client.GenericCall(ctx, method, v)
		if err := returned(v)(got, err); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
	}
	_, err = client.GenericCall(ctx, "refuse", int32(3))
	if err == nil || !strings.Contains(err.Error(), "refused: 3") {
		return fmt.Errorf("got %v, want Refused", err)
	}
	return s.conn.Ping(ctx)
}

func genericJSON(s *session) error {
	client, err := genericClient(s, func(p generic.DescriptorProvider) (generic.Generic, error) {
		return generic.JSONThriftGeneric(p)
	})
	if err != nil {
		return err
	}
	binary, _ := json.Marshal(base64.StdEncoding.EncodeToString(allBytes(40)))
	for method, v := range map[string]string{
		"echoContainers": `{"nested":[{"a":[1,-2]},{}],"grid":[[],[true]],"answers":{"-1":true},"deep":{"1099511627776":{"-3":false}}}`,
		"echoChoice":     `{"flags":[true,false]}`,
		"echoBinary":     string(binary),
	} {
		got, err := client.GenericCall(ctx, method, v)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		if err := sameJSON(got.(string), v); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
	}
	return s.conn.Ping(ctx)
}

// sameJSON tells whether all that was sent came back; fields left out come as empty.
func sameJSON(got, want string) error {
	var gotValue, wantValue any
	if err := json.Unmarshal([]byte(want), &wantValue); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(got), &gotValue); err != nil {
		// A string comes back bare.
		return equal(got, fmt.Sprint(wantValue))
	}
	if want, ok := wantValue.(map[string]any); ok {
		got := gotValue.(map[string]any)
		var errs []error
		for key := range want {
			errs = append(errs, equal(got[key], want[key]))
		}
		return errors.Join(errs...)
	}
	return equal(gotValue, wantValue)
}

// genericBinary passes the arguments as the bytes of their struct, and gets such.
func genericBinary(s *session) error {
	client, err := genericOn(s.conn, generic.BinaryThriftGenericV2("Suite"))
	if err != nil {
		return err
	}
	for _, size := range []int{0, 1, 100, 100_000} {
		text := strings.Repeat("x", size)
		got, err := client.GenericCall(ctx, "echoString", stringField(1, text))
		if err != nil {
			return err
		}
		if err := equal(got.([]byte), stringField(0, text)); err != nil {
			return err
		}
	}
	return s.conn.Ping(ctx)
}

// stringField is a struct of one string.
func stringField(id uint16, text string) []byte {
	bytes := binary.BigEndian.AppendUint16([]byte{11}, id)
	bytes = binary.BigEndian.AppendUint32(bytes, uint32(len(text)))
	return append(append(bytes, text...), 0)
}
