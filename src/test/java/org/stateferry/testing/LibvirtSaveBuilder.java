package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.stateferry.source.LibvirtSaveHeader;

/** Builds libvirt save files. {@link #valid} is a small one of version 2; tests replace one of its parts. */
public final class LibvirtSaveBuilder {
    /** The XML of a domain, as libvirt writes its beginning. */
    public static final String DOMAIN = """
            <domain type='kvm'>
              <name>guest &amp; co</name>
              <uuid>bf6a7690-5871-4c7b-be1e-acc23519751c</uuid>
              <os>
                <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
              </os>
            </domain>
            """;

    private static final int SPARE = 64;

    private String magic = "LibvirtQemudSave";
    private ByteOrder order = ByteOrder.LITTLE_ENDIAN;
    private int version = 2;
    private long textSize = -1;
    private int wasRunning = 1;
    private int format;
    private long cookieOffset = -1;
    private String domain = DOMAIN;
    private byte[] payload = {};

    /** A complete file whose payload is a migration stream. */
    public static LibvirtSaveBuilder valid() {
        return new LibvirtSaveBuilder().payload(MigrationStreamBuilder.valid().build());
    }

    public LibvirtSaveBuilder magic(String text) {
        magic = text;
        return this;
    }

    public LibvirtSaveBuilder order(ByteOrder byteOrder) {
        order = byteOrder;
        return this;
    }

    public LibvirtSaveBuilder version(int number) {
        version = number;
        return this;
    }

    /** Bytes of text as the header has it; without this call, what the text really takes. */
    public LibvirtSaveBuilder textSize(long size) {
        textSize = size;
        return this;
    }

    public LibvirtSaveBuilder wasRunning(int value) {
        wasRunning = value;
        return this;
    }

    public LibvirtSaveBuilder format(int number) {
        format = number;
        return this;
    }

    /** Without this call there is a cookie right behind the domain. */
    public LibvirtSaveBuilder cookieOffset(long offset) {
        cookieOffset = offset;
        return this;
    }

    public LibvirtSaveBuilder domain(String xml) {
        domain = xml;
        return this;
    }

    public LibvirtSaveBuilder payload(byte[] bytes) {
        payload = bytes;
        return this;
    }

    /** The file's content. */
    public byte[] build() {
        byte[] xml = (domain + "\0").getBytes(StandardCharsets.UTF_8);
        byte[] cookie = "<cookie/>\0".getBytes(StandardCharsets.US_ASCII);
        int realTextSize = xml.length + cookie.length + SPARE;
        return ByteBuffer.allocate(LibvirtSaveHeader.SIZE + realTextSize + payload.length)
                .order(order)
                .put(magic.getBytes(StandardCharsets.US_ASCII))
                .putInt(version)
                .putInt((int) (textSize < 0 ? realTextSize : textSize))
                .putInt(wasRunning)
                .putInt(format)
                .putInt((int) (cookieOffset < 0 ? xml.length : cookieOffset))
                .position(LibvirtSaveHeader.SIZE)
                .put(xml)
                .put(cookie)
                .position(LibvirtSaveHeader.SIZE + realTextSize)
                .put(payload)
                .array();
    }
}
