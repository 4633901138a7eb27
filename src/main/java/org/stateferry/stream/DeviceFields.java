package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads the payloads of devices by the stream's vmdescription, field by field (QEMU {@code migration/vmstate.c}; the layout of the
 * text is told in {@link VmDescriptionParser}). A structure is a field with others below it; one that is an array stands in the
 * text once and in the payload as often as its length says.
 *
 * <p>Of the text one device is in memory at a time. Not thread-safe.
 */
public final class DeviceFields {
    /** The longest text that is read, in bytes. */
    public static final int TEXT_SIZE_MAX = 4 * 1024 * 1024;

    private static final int DEPTH_MAX = 200;
    private static final int NUMBER_SIZE_MAX = 8;
    /** A structure of no bytes may claim any number of elements. */
    private static final int FIELDS_MAX = 200_000;

    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(DEPTH_MAX)
                            .build())
                    .build())
            .build();

    private final Consumer consumer;
    private ByteBuffer payload = ByteBuffer.allocate(0);
    private int fieldCount;

    /**
     * A field of a device.
     *
     * @param depth how many fields and subsections it lies below
     * @param name its name, with its index if it is an element of an array; of a subsection, its name
     * @param type QEMU's name of its type
     * @param size its bytes
     * @param value a number, or bytes in hexadecimal; null of what has others below it
     */
    public record Field(
            int depth,
            String name,
            String type,
            long size,
            @Nullable String value) {}

    /** Takes fields, each before those that lie below it. */
    @FunctionalInterface
    public interface Consumer {
        /** @param device the index of the device among the stream's device sections */
        void field(int device, Field field) throws StateferryException;
    }

    private int device;

    /** The payload is not as the text says. */
    private static final class Mismatch extends Exception {
        private static final long serialVersionUID = 1L;
    }

    private DeviceFields(Consumer consumer) {
        this.consumer = consumer;
    }

    /**
     * Reads all devices of a stream.
     *
     * @param file where the text is read from
     * @param stream has a vmdescription
     * @param devices the stream's device sections with their payloads, in their order
     * @throws StateferryException if the text is damaged; kind DUMP_UNFIT if it is too long
     */
    public static void read(
            StreamFile file, MigrationStream stream, List<StreamInspection.Section> devices, Consumer consumer)
            throws StateferryException {
        StreamFacts.Extent extent = stream.facts().vmDescription();
        if (extent == null) {
            return;
        }
        long at = stream.fileOffset() + extent.offset();
        if (extent.length() > TEXT_SIZE_MAX) {
            throw StateferryException.at(
                    FailureKind.DUMP_UNFIT,
                    file.path(),
                    at,
                    "the vmdescription has " + extent.length() + " bytes, too many to show the devices' fields");
        }
        byte[] text = file.read(at, (int) extent.length()).array();
        try (JsonParser json = JSON.createParser(text)) {
            new DeviceFields(consumer).devices(json, devices);
        } catch (JacksonException e) {
            throw StateferryException.at(FailureKind.DUMP_INVALID, file.path(), at, "the vmdescription is damaged")
                    .causedBy(e);
        }
    }

    private void devices(JsonParser json, List<StreamInspection.Section> devices) throws StateferryException {
        while (json.nextToken() != null) {
            if (json.currentToken() == JsonToken.PROPERTY_NAME && "devices".equals(json.currentName())) {
                break;
            }
            if (json.currentToken().isStructStart() && json.currentName() != null) {
                json.skipChildren();
            }
        }
        if (json.nextToken() != JsonToken.START_ARRAY) {
            return;
        }
        while (json.nextToken() == JsonToken.START_OBJECT && device < devices.size()) {
            JsonNode described = json.readValueAsTree();
            byte[] bytes = devices.get(device).payload();
            if (bytes != null) {
                payload = ByteBuffer.wrap(bytes);
                try {
                    description(described, 0);
                } catch (Mismatch e) {
                    // the rest is shown as it is
                }
                if (payload.hasRemaining()) {
                    tell(0, "(rest)", "bytes", payload.remaining(), hex(payload.remaining()));
                }
            }
            device++;
        }
    }

    /** The fields of a device, a structure or a subsection, and its subsections. */
    private void description(JsonNode described, int depth) throws StateferryException, Mismatch {
        for (JsonNode field : described.path("fields")) {
            field(field, depth);
        }
        for (JsonNode subsection : described.path("subsections")) {
            subsection(subsection, depth);
        }
    }

    /** {@code 05, u8 length, name, be32 version} and its payload. */
    private void subsection(JsonNode subsection, int depth) throws StateferryException, Mismatch {
        String name = subsection.path("vmsd_name").asString("");
        byte[] head = name.getBytes(StandardCharsets.UTF_8);
        int headSize = 1 + 1 + head.length + Integer.BYTES;
        if (payload.remaining() < headSize || payload.get(payload.position()) != SectionType.SUBSECTION.code()) {
            throw new Mismatch();
        }
        payload.position(payload.position() + headSize);
        tell(depth, name, "subsection", 0, null);
        description(subsection, depth + 1);
    }

    private void field(JsonNode field, int depth) throws StateferryException, Mismatch {
        long size = field.path("size").asLong(0);
        long count = field.path("array_len").asLong(1);
        String type = field.path("type").asString("");
        boolean isArray = field.has("array_len");
        String name = field.path("name").asString("")
                + (field.has("index") ? "[" + field.path("index").asLong(0) + "]" : "");
        boolean bytes = isArray && size == 1 && !field.has("struct");
        if (bytes) {
            leaf(depth, name, type, count);
            return;
        }
        for (long element = 0; element < count; element++) {
            String elementName = isArray ? name + "[" + element + "]" : name;
            JsonNode struct = field.path("struct");
            if (struct.isObject()) {
                int start = payload.position();
                tell(depth, elementName, type, size, null);
                description(struct, depth + 1);
                if (payload.position() - start != size) {
                    throw new Mismatch();
                }
            } else {
                leaf(depth, elementName, type, size);
            }
        }
    }

    private void leaf(int depth, String name, String type, long size) throws StateferryException, Mismatch {
        if (size < 0 || size > payload.remaining()) {
            throw new Mismatch();
        }
        tell(depth, name, type, size, value(type, (int) size));
    }

    private String value(String type, int size) {
        boolean signed = type.startsWith("int") || type.startsWith("timer");
        boolean number = signed || type.startsWith("uint") || type.equals("bool");
        if (!number || size == 0 || size > NUMBER_SIZE_MAX) {
            return hex(size);
        }
        long value = signed && payload.get(payload.position()) < 0 ? -1 : 0;
        for (int index = 0; index < size; index++) {
            value = value << Byte.SIZE | Byte.toUnsignedLong(payload.get());
        }
        if (type.equals("bool")) {
            return value != 0 ? "true" : "false";
        }
        return signed ? Long.toString(value) : "0x" + Long.toHexString(value);
    }

    private String hex(int size) {
        byte[] bytes = new byte[size];
        payload.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private void tell(int depth, String name, String type, long size, @Nullable String value)
            throws StateferryException {
        if (++fieldCount > FIELDS_MAX) {
            throw StateferryException.of(
                    FailureKind.DUMP_UNFIT, "the devices have more than " + FIELDS_MAX + " fields, too many to show");
        }
        consumer.field(device, new Field(depth, name, type, size, value));
    }
}
