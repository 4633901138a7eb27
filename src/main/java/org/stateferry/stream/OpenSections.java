package org.stateferry.stream;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The sections other than RAM that have begun and not ended, by their section ids.
 *
 * <p>Not thread-safe.
 */
final class OpenSections {
    /** More than any machine has: one for each device of the host that it uses, and a few others. */
    static final int COUNT_MAX = 96;

    private final Map<Long, Open> sections = new LinkedHashMap<>();

    /**
     * A section that has begun.
     *
     * @param name its id string
     * @param framing where its payloads end
     */
    record Open(String name, SectionFraming framing) {}

    boolean isFull() {
        return sections.size() == COUNT_MAX;
    }

    boolean has(long sectionId) {
        return sections.containsKey(sectionId);
    }

    @Nullable
    Open get(long sectionId) {
        return sections.get(sectionId);
    }

    void begin(long sectionId, Open section) {
        sections.put(sectionId, section);
    }

    void end(long sectionId) {
        sections.remove(sectionId);
    }

    /** Writes at most 400 bytes for each section. */
    void save(DataOutputStream out) throws IOException {
        out.writeByte(sections.size());
        for (Map.Entry<Long, Open> section : sections.entrySet()) {
            out.writeLong(section.getKey());
            out.writeUTF(section.getValue().name());
            out.writeByte(section.getValue().framing().ordinal());
        }
    }

    void restore(DataInputStream saved) throws IOException {
        int count = saved.readByte();
        for (int index = 0; index < count; index++) {
            sections.put(saved.readLong(), new Open(saved.readUTF(), SectionFraming.values()[saved.readByte()]));
        }
    }
}
