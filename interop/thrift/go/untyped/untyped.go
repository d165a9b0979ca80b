// Package untyped has structs without generated code: the compiler knows no uuid yet.
package untyped

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/thrift/lib/go/thrift"
)

// Method returns its argument, whatever struct it is.
const Method = "echoUntyped"

// Struct is a thrift.TStruct of any type.
type Struct []Field

// Field has a bool, int8, int16, int32, int64, float64, []byte, thrift.Tuuid,
// Struct, List or Map.
type Field struct {
	ID    int16
	Value any
}

// List is a list, or a set.
type List struct {
	Element  thrift.TType
	Set      bool
	Elements []any
}

// Map keeps the order of its entries.
type Map struct {
	Key, Value thrift.TType
	Entries    [][2]any
}

func typeOf(value any) thrift.TType {
	switch value := value.(type) {
	case bool:
		return thrift.BOOL
	case int8:
		return thrift.BYTE
	case int16:
		return thrift.I16
	case int32:
		return thrift.I32
	case int64:
		return thrift.I64
	case float64:
		return thrift.DOUBLE
	case []byte:
		return thrift.STRING
	case thrift.Tuuid:
		return thrift.UUID
	case Struct:
		return thrift.STRUCT
	case List:
		if value.Set {
			return thrift.SET
		}
		return thrift.LIST
	case Map:
		return thrift.MAP
	}
	panic(fmt.Sprintf("a %T", value))
}

// Read replaces the struct by one that was sent.
func (s *Struct) Read(ctx context.Context, p thrift.TProtocol) error {
	*s = nil
	if _, err := p.ReadStructBegin(ctx); err != nil {
		return err
	}
	for {
		_, kind, id, err := p.ReadFieldBegin(ctx)
		if err != nil {
			return err
		}
		if kind == thrift.STOP {
			return p.ReadStructEnd(ctx)
		}
		value, err := read(ctx, p, kind)
		if err != nil {
			return err
		}
		*s = append(*s, Field{id, value})
		if err := p.ReadFieldEnd(ctx); err != nil {
			return err
		}
	}
}

func read(ctx context.Context, p thrift.TProtocol, kind thrift.TType) (any, error) {
	switch kind {
	case thrift.BOOL:
		return p.ReadBool(ctx)
	case thrift.BYTE:
		return p.ReadByte(ctx)
	case thrift.I16:
		return p.ReadI16(ctx)
	case thrift.I32:
		return p.ReadI32(ctx)
	case thrift.I64:
		return p.ReadI64(ctx)
	case thrift.DOUBLE:
		return p.ReadDouble(ctx)
	case thrift.STRING:
		return p.ReadBinary(ctx)
	case thrift.UUID:
		return p.ReadUUID(ctx)
	case thrift.STRUCT:
		var s Struct
		err := s.Read(ctx, p)
		return s, err
	case thrift.LIST:
		element, size, err := p.ReadListBegin(ctx)
		if err != nil {
			return nil, err
		}
		elements, err := readAll(ctx, p, size, element)
		return List{element, false, elements}, errors.Join(err, p.ReadListEnd(ctx))
	case thrift.SET:
		element, size, err := p.ReadSetBegin(ctx)
		if err != nil {
			return nil, err
		}
		elements, err := readAll(ctx, p, size, element)
		return List{element, true, elements}, errors.Join(err, p.ReadSetEnd(ctx))
	case thrift.MAP:
		key, value, size, err := p.ReadMapBegin(ctx)
		if err != nil {
			return nil, err
		}
		result := Map{Key: key, Value: value}
		for range size {
			entry, err := readAll(ctx, p, 1, key, value)
			if err != nil {
				return nil, err
			}
			result.Entries = append(result.Entries, [2]any(entry))
		}
		return result, p.ReadMapEnd(ctx)
	}
	return nil, fmt.Errorf("type %v", kind)
}

func readAll(ctx context.Context, p thrift.TProtocol, times int, kinds ...thrift.TType) ([]any, error) {
	var values []any
	for range times {
		for _, kind := range kinds {
			value, err := read(ctx, p, kind)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
	}
	return values, nil
}

// Write sends the struct.
func (s *Struct) Write(ctx context.Context, p thrift.TProtocol) error {
	if err := p.WriteStructBegin(ctx, ""); err != nil {
		return err
	}
	for _, field := range *s {
		err := errors.Join(
			p.WriteFieldBegin(ctx, "", typeOf(field.Value), field.ID),
			write(ctx, p, field.Value),
			p.WriteFieldEnd(ctx),
		)
		if err != nil {
			return err
		}
	}
	return errors.Join(p.WriteFieldStop(ctx), p.WriteStructEnd(ctx))
}

func write(ctx context.Context, p thrift.TProtocol, value any) error {
	switch value := value.(type) {
	case bool:
		return p.WriteBool(ctx, value)
	case int8:
		return p.WriteByte(ctx, value)
	case int16:
		return p.WriteI16(ctx, value)
	case int32:
		return p.WriteI32(ctx, value)
	case int64:
		return p.WriteI64(ctx, value)
	case float64:
		return p.WriteDouble(ctx, value)
	case []byte:
		return p.WriteBinary(ctx, value)
	case thrift.Tuuid:
		return p.WriteUUID(ctx, value)
	case Struct:
		return value.Write(ctx, p)
	case List:
		begin, end := p.WriteListBegin, p.WriteListEnd
		if value.Set {
			begin, end = p.WriteSetBegin, p.WriteSetEnd
		}
		return errors.Join(
			begin(ctx, value.Element, len(value.Elements)),
			writeAll(ctx, p, value.Elements),
			end(ctx),
		)
	case Map:
		err := p.WriteMapBegin(ctx, value.Key, value.Value, len(value.Entries))
		for _, entry := range value.Entries {
			err = errors.Join(err, writeAll(ctx, p, entry[:]))
		}
		return errors.Join(err, p.WriteMapEnd(ctx))
	}
	panic(fmt.Sprintf("a %T", value))
}

func writeAll(ctx context.Context, p thrift.TProtocol, values []any) error {
	for _, value := range values {
		if err := write(ctx, p, value); err != nil {
			return err
		}
	}
	return nil
}
