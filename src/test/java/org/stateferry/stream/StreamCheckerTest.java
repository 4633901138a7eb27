package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.MigrationStreamBuilder.Part;

class StreamCheckerTest {
    private static final long VFIO_END = 0xffff_ffff_ef10_0001L;
    private static final byte[] VALID = MigrationStreamBuilder.valid().build();

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 511, 512, 513, 4096, 1 << 20})
    void aValidStreamPassesInPiecesOfAnySize(int pieceSize) throws Exception {
        assertThat(Streams.check(VALID, pieceSize)).isNull();
    }

    @Test
    void theCallersBufferIsLeftAsItWas() throws Exception {
        StreamChecker checker = new StreamChecker(Streams.open(VALID));
        ByteBuffer piece = ByteBuffer.wrap(VALID, 0, 100);
        checker.accept(piece);
        assertThat(piece.position()).isZero();
        assertThat(piece.limit()).isEqualTo(100);
    }

    @Test
    void streamsOfOldMachineTypesHaveNeitherConfigurationNorFooters() throws Exception {
        byte[] stream = new MigrationStreamBuilder()
                .withoutFooters()
                .header(3)
                .ram(pages -> pages.page("pc.ram", 0))
                .devices()
                .vmDescription()
                .build();
        assertThat(Streams.open(stream).facts().machineType()).isNull();
        assertThat(Streams.check(stream)).isNull();
        assertThat(Streams.check(stream, 1)).isNull();
    }

    @Test
    void theWholeConfigurationIsUnderstood() throws Exception {
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("virt-9.0")
                .targetPageBits(12)
                .subsection("configuration/uuid")
                .fill(7, 16)
                .ram(pages -> pages.page("pc.ram", 0))
                .devices()
                .vmDescription()
                .build();
        assertThat(Streams.check(stream, 1)).isNull();
        assertThat(Streams.open(stream).facts().targetPageSize()).isEqualTo(4096);
    }

    @Test
    void devicesBeforeTheRamArePassedByTheirDescribedSize() throws Exception {
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc")
                .device(1, "virtio-mem-early", 0, 1, 9, "{\"size\": 9}", "")
                .ram(pages -> pages.page("pc.ram", 0))
                .vmDescription()
                .build();
        assertThat(Streams.open(stream).facts().ramBlocks()).hasSize(2);
        assertThat(Streams.check(stream)).isNull();
    }

    /** The RAM section of a background snapshot never ends: its devices follow what was written of it while the guest ran. */
    private static MigrationStreamBuilder backgroundSnapshot() {
        return new MigrationStreamBuilder()
                .header(3)
                .machineType("pc")
                .ramStart()
                .ramPart(pages -> pages.page("pc.ram", 0).zeroPage(1).pageOn(2).zeroPage(3))
                .ramPart(pages -> pages.page("pc.rom", 0))
                .devices();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4096, 1 << 20})
    void aBackgroundSnapshotIsTakenAndToldApart(int pieceSize) throws Exception {
        byte[] stream = backgroundSnapshot().globalState().vmDescription().build();

        StreamChecker checker = new StreamChecker(Streams.open(stream));
        for (int at = 0; at < stream.length; at += pieceSize) {
            checker.accept(ByteBuffer.wrap(stream, at, Math.min(pieceSize, stream.length - at)));
            checker = StreamChecker.restore(Streams.open(stream), checker.save());
        }
        checker.finish();

        assertThat(checker.unchecked()).isNull();
        assertThat(checker.guestRanOn()).isTrue();
        StreamChecker stopped = new StreamChecker(Streams.open(VALID));
        stopped.accept(ByteBuffer.wrap(VALID));
        stopped.finish();
        assertThat(stopped.guestRanOn()).isFalse();
    }

    @Test
    void ramThatDoesNotEndWithoutTheLastDeviceIsCutOff() {
        refused(backgroundSnapshot().vmDescription().build(), FailureKind.DUMP_INVALID, "before its RAM is complete");
    }

    @Test
    void switchoverStartIsTheOneCommandThatIsTaken() throws Exception {
        assertThat(Streams.check(beforeEnd(stream -> stream.command(11, 0)))).isNull();
        for (StreamCommand command : StreamCommand.values()) {
            if (!command.isLoadable()) {
                refused(beforeEnd(stream -> stream.command(command.code(), 4)), FailureKind.DUMP_UNFIT, command.name());
            }
        }
        refused(beforeEnd(stream -> stream.command(12, 0)), FailureKind.DUMP_INVALID, "command 12");
        refused(beforeEnd(stream -> stream.command(11, 1)), FailureKind.DUMP_INVALID, "it should have none");
    }

    @Test
    void headersOfOtherVersionsAreRefusedByName() {
        refused(new MigrationStreamBuilder().header(2).build(), FailureKind.DUMP_UNFIT, "version 2, which is obsolete");
        refused(new MigrationStreamBuilder().header(4).build(), FailureKind.DUMP_UNFIT, "version 4");
        refused(new MigrationStreamBuilder().ascii("QEVN").u32(3).build(), FailureKind.DUMP_INVALID, "magic");
    }

    @Test
    void capabilitiesThatNoSnapshotCanLoadAreRefusedByName() {
        for (String capability : new String[] {"x-ignore-shared", "unheard-of"}) {
            byte[] stream = new MigrationStreamBuilder()
                    .header(3)
                    .machineType("pc")
                    .capability(capability)
                    .build();
            refused(stream, FailureKind.DUMP_UNFIT, capability);
        }
    }

    @Test
    void sectionsThatNoSnapshotCanTakeAreRefusedByName() {
        for (String name : new String[] {"block", "dirty-bitmap"}) {
            byte[] stream = new MigrationStreamBuilder()
                    .header(3)
                    .machineType("pc")
                    .sectionHead(1, 1, name, 0, 1)
                    .i64(0x4001)
                    .build();
            refused(stream, FailureKind.DUMP_UNFIT, name.equals("block") ? "migrate -b" : "dirty bitmaps");
        }
    }

    @Test
    void aSectionOfUnknownLengthWithoutAFooterEndsTheCheckWithAReason() throws Exception {
        MigrationStreamBuilder head =
                new MigrationStreamBuilder().withoutFooters().header(3).ramStart();
        int offset = head.build().length;
        byte[] stream = head.sectionHead(1, 9, "unheard/of", 0, 1)
                .fill(0xff, 40)
                .vmDescription()
                .build();
        StreamCheck.Unchecked unchecked = Streams.check(stream, 3);
        assertThat(unchecked.reason()).contains("unheard/of");
        assertThat(unchecked.offset()).isEqualTo(offset);
    }

    @Test
    void damageInSectionsThatKeepAFramingOfTheirOwnIsRefused() {
        refusedSection("s390-storage_attributes", 0, payload -> payload.i64(4), "could not save all");
        refusedSection("s390-storage_attributes", 0, payload -> payload.i64(3), "flags 0x3");
        refusedSection("s390-storage_attributes", 0, payload -> payload.i64(2).i64(-1), "18446744073709551615 bytes");
        refusedSection("spapr/htab", 1, payload -> payload.u32(65), "2^65 bytes");
        refusedSection("spapr/htab", 1, payload -> payload.u32(0).i64(5).u8(0x7e), "cut off inside");
        refusedSection("vfio", 1, payload -> payload.i64(0xffff_ffff_ef10_0009L), "tag 0xffffffffef100009");
        refusedSection("vfio", 1, payload -> payload.i64(0xffff_fffe_ef10_0001L), "tag 0xfffffffeef100001");
        refusedSection("vfio", 1, payload -> payload.i64(0xffff_ffff_ef10_0004L).i64(1L << 60), "cut off inside");
        refusedSection("pbs-state", 1, payload -> payload.i64(Long.MIN_VALUE), "bytes");
        refusedSection("block", 1, payload -> payload.i64(0), "flags 0x0");
        refusedSection("unheard/of", 1, payload -> payload.fill(0x7e, 900), "cut off inside section 9 ('unheard/of')");
    }

    private static void refusedSection(String name, int version, Part payload, String message) {
        MigrationStreamBuilder stream = ramHead("pc").ramStart().sectionHead(1, 9, name, 0, version);
        payload.writeTo(stream);
        refused(stream.fill(0x7f, 20).build(), FailureKind.DUMP_INVALID, message);
    }

    @Test
    void aSectionBeginsOnceAndContinuesOnlyThen() {
        byte[] twice = ramHead("pc")
                .ramStart()
                .sectionHead(1, 9, "pbs-state", 0, 1)
                .i64(0)
                .footer(9)
                .sectionHead(1, 9, "pbs-state", 0, 1)
                .i64(0)
                .footer(9)
                .build();
        refused(twice, FailureKind.DUMP_INVALID, "section 9 begins a second time");
        byte[] ended = ramHead("pc")
                .ramStart()
                .sectionHead(1, 9, "vfio", 0, 1)
                .i64(VFIO_END)
                .footer(9)
                .u8(3)
                .u32(9)
                .i64(VFIO_END)
                .footer(9)
                .u8(2)
                .u32(9)
                .i64(VFIO_END)
                .footer(9)
                .build();
        refused(ended, FailureKind.DUMP_INVALID, "has already ended");
        MigrationStreamBuilder many = ramHead("pc").ramStart();
        for (int id = 100; id < 200; id++) {
            many.sectionHead(1, id, "vfio", id, 1).i64(VFIO_END).footer(id);
        }
        refused(many.build(), FailureKind.DUMP_INVALID, "more than 96 sections");
    }

    @Test
    void ramRecordsThatQemuCannotLoadAreRefusedByName() {
        refusedPages(pages -> pages.i64(0x100), FailureKind.DUMP_UNFIT, "compress");
        refusedPages(pages -> pages.i64(0x200), FailureKind.DUMP_UNFIT, "multifd");
        refusedPages(pages -> pages.i64(0x080), FailureKind.DUMP_UNFIT, "RDMA");
    }

    @Test
    void damagedRamRecordsAreRefused() {
        refusedPages(pages -> pages.i64(0x001), FailureKind.DUMP_INVALID, "flags 0x1 ");
        refusedPages(pages -> pages.i64(0), FailureKind.DUMP_INVALID, "flags 0x0 ");
        refusedPages(pages -> pages.i64(0x00a), FailureKind.DUMP_INVALID, "flags 0xa ");
        refusedPages(pages -> pages.i64(0x1010), FailureKind.DUMP_INVALID, "page offset");
        refusedPages(pages -> pages.i64(0x5004), FailureKind.DUMP_INVALID, "second list");
        refusedPages(pages -> pages.pageOn(0), FailureKind.DUMP_INVALID, "but there is none");
        refusedPages(pages -> pages.page("pc.rem", 0), FailureKind.DUMP_INVALID, "'pc.rem'");
        refusedPages(pages -> pages.page("pc.ram", 4), FailureKind.DUMP_INVALID, "outside block 'pc.ram'");
        refusedPages(pages -> pages.page("pc.ram", 0).pageOn(-1), FailureKind.DUMP_INVALID, "outside block");
        refusedPages(
                pages -> pages.page("pc.rom", 0).i64(0x22).u8(1), FailureKind.DUMP_INVALID, "filled with the byte 1");
    }

    @Test
    void damagedXbzrleRecordsAreRefused() {
        refusedPages(pages -> xbzrle(pages, 2, 2, 0, 1), FailureKind.DUMP_INVALID, "encoding 2");
        refusedPages(pages -> xbzrle(pages, 1, 0), FailureKind.DUMP_INVALID, "0 bytes");
        refusedPages(pages -> xbzrle(pages, 1, 4097), FailureKind.DUMP_INVALID, "4097 bytes");
        refusedPages(pages -> xbzrle(pages, 1, 2, 0, 0), FailureKind.DUMP_INVALID, "damaged");
        refusedPages(pages -> xbzrle(pages, 1, 2, 0, 1), FailureKind.DUMP_INVALID, "damaged");
        refusedPages(pages -> xbzrle(pages, 1, 4, 0x80, 0x80, 1, 1), FailureKind.DUMP_INVALID, "damaged");
        refusedPages(pages -> xbzrle(pages, 1, 6, 0, 1, 'x', 0, 1, 'y'), FailureKind.DUMP_INVALID, "damaged");
        refusedPages(
                pages -> xbzrle(pages, 1, 4, 0x80, 0x20, 1, 'x'), FailureKind.DUMP_INVALID, "longer than its page");
    }

    private static void xbzrle(MigrationStreamBuilder pages, int encoding, int size, int... bytes) {
        pages.i64(0x40).name("pc.ram").u8(encoding).u16(size);
        for (int value : bytes) {
            pages.u8(value);
        }
    }

    @Test
    void damagedBlockListsAreRefused() {
        refusedList(list -> list.i64(0x10), "begin with the list");
        refusedList(list -> list.i64(0x8000_0000_0000_0004L), "a total of");
        refusedList(list -> list.i64(0x1004).name("a").i64(0x2000), "does not fit");
        refusedList(list -> list.i64(0x1004).name("a").i64(-1), "does not fit");
        refusedList(list -> list.i64(0x1004).name("a").i64(0x880), "does not fit");
        refusedList(list -> list.i64(0x2004).name("a").i64(0x1000).name("a").i64(0x1000), "listed twice");
        refusedList(list -> list.i64(0x1004).name("").i64(0x1000), "no name");
        refusedList(list -> list.i64(0x1004).u8(1).u8(0xff).i64(0x1000), "UTF-8");
        refusedList(list -> list.i64(0x1004).name("a\u001b[2J").i64(0x1000), "control characters");
        refusedList(StreamCheckerTest::tooManyBlocks, "more than 1024");
    }

    private static void tooManyBlocks(MigrationStreamBuilder list) {
        list.i64(0x7fff_0000_0000_0004L);
        for (int i = 0; i <= 1024; i++) {
            list.name("block" + i).i64(0x1000);
        }
    }

    @Test
    void sectionsOutOfPlaceAreRefused() {
        refused(ramHead("pc").ramEnd().build(), FailureKind.DUMP_INVALID, "it has not begun");
        refused(ramHead("pc").eof().build(), FailureKind.DUMP_INVALID, "before its RAM is complete");
        refused(ramHead("pc").u8(0x33).build(), FailureKind.DUMP_INVALID, "unknown section type 0x33");
        refused(ramHead("pc").u8(0x7e).build(), FailureKind.DUMP_INVALID, "FOOTER");
        refused(ramHead("pc").ramStart().ramStart().build(), FailureKind.DUMP_INVALID, "second RAM section");
        refused(ramHead("pc").ramStart().eof().build(), FailureKind.DUMP_INVALID, "before its RAM is complete");
        refused(ramHead("pc").sectionHead(1, 2, "ram", 0, 3).build(), FailureKind.DUMP_UNFIT, "version 3");
        byte[] twice = ramHead("pc").ramStart().ramEnd().ramEnd().build();
        refused(twice, FailureKind.DUMP_INVALID, "has already ended");
    }

    @Test
    void footersMustBeThereAndNameTheirSection() {
        byte[] other =
                ramHead("pc").ramStart().u8(2).u32(2).i64(0x10).u8(0x7e).u32(3).build();
        refused(other, FailureKind.DUMP_INVALID, "names section 3");
        byte[] none = ramHead("pc").ramStart().u8(2).u32(2).i64(0x10).u8(3).build();
        refused(none, FailureKind.DUMP_INVALID, "footer is missing");
    }

    @Test
    void devicesMustAgreeWithTheVmDescription() {
        String timer = "{\"name\": \"timer\", \"instance_id\": 0, \"version\": 2, \"fields\": [{\"size\": 24}]}";
        refusedDevices("", "is not in the vmdescription");
        refusedDevices(timer.replace("timer", "tamer"), "where the vmdescription lists");
        refusedDevices(timer.replace("\"instance_id\": 0", "\"instance_id\": 1"), "where the vmdescription lists");
        refusedDevices(timer.replace("\"version\": 2", "\"version\": 1"), "where the vmdescription lists");
        refusedDevices(timer.replace("24", "23"), "footer is missing");
        refusedDevices(timer.replace("24", "99999"), "runs past the end");
        refusedDevices(timer, "'0000:00:01.0/virtio-blk' is not in the vmdescription");
    }

    private static void refusedDevices(String devices, String message) {
        byte[] stream = ramHead("pc")
                .ram(pages -> {})
                .devices()
                .vmDescription("{\"page_size\": 4096, \"devices\": [" + devices + "]}")
                .build();
        refused(stream, FailureKind.DUMP_INVALID, message);
    }

    @Test
    void aDeviceThatIsOnlyInTheVmDescriptionIsMissed() {
        byte[] stream = ramHead("pc")
                .ram(pages -> {})
                .vmDescription("{\"page_size\": 4096, \"devices\": [{\"name\": \"rtc\", \"fields\": []}]}")
                .build();
        refused(stream, FailureKind.DUMP_INVALID, "without device section 'rtc'");
    }

    @Test
    void offsetsInFailuresAreThoseOfTheFile() throws Exception {
        byte[] stream = MigrationStreamBuilder.withPages(
                        pages -> pages.page("pc.ram", 0).i64(0x001))
                .build();
        int place =
                ramHead("pc-q35-7.2").ramStart().u8(2).u32(2).page("pc.ram", 0).build().length;
        StreamChecker checker = new StreamChecker(Streams.openAt(1_000_000, stream));
        StateferryException failure =
                catchThrowableOfType(StateferryException.class, () -> Streams.feed(checker, stream, 0, 5));
        assertThat(failure.offset()).isEqualTo(1_000_000 + place);
        assertThat(failure.file()).isEqualTo(Streams.FILE);
    }

    @Test
    void aCheckThatIsNotGivenAllOfTheStreamDoesNotFinish() throws Exception {
        StreamChecker checker = new StreamChecker(Streams.open(VALID));
        checker.accept(ByteBuffer.wrap(VALID, 0, VALID.length - 1));
        StateferryException failure = catchThrowableOfType(StateferryException.class, checker::finish);
        assertThat(failure.offset()).isEqualTo(VALID.length - 1);
        StreamChecker restored = StreamChecker.restore(Streams.open(VALID), checker.save());
        StateferryException tooLong =
                catchThrowableOfType(StateferryException.class, () -> restored.accept(ByteBuffer.wrap(new byte[2])));
        assertThat(tooLong).hasMessageContaining("follow the end");
    }

    /** A large file is not read twice; that it ends with an older stream shows when it is read. */
    @Test
    void aVmDescriptionOfAnotherStreamIsNoticedAndTheTrueLengthTold() throws Exception {
        byte[] older = MigrationStreamBuilder.withPages(pages -> {
                    for (int page = 0; page < 20; page++) {
                        pages.page("pc.ram", page % 4);
                    }
                })
                .build();
        System.arraycopy(VALID, 0, older, 0, VALID.length);
        MigrationStream stream = Streams.openTrusting(older);
        assertThat(stream.length()).isEqualTo(older.length);
        for (int pieceSize : new int[] {1, older.length}) {
            StateferryException failure =
                    catchThrowableOfType(StateferryException.class, () -> Streams.check(stream, older, pieceSize));
            assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
            assertThat(failure).hasMessageContaining("is not its own");
            assertThat(failure.advice()).contains("the first " + VALID.length + " bytes");
        }
    }

    private static MigrationStreamBuilder ramHead(String machineType) {
        return new MigrationStreamBuilder().header(3).machineType(machineType);
    }

    private static byte[] beforeEnd(Part part) {
        MigrationStreamBuilder stream = ramHead("pc").ramStart();
        part.writeTo(stream);
        return stream.ramEnd().devices().vmDescription().build();
    }

    private static void refusedPages(Part pages, FailureKind kind, String message) {
        refused(MigrationStreamBuilder.withPages(pages).build(), kind, message);
    }

    private static void refusedList(Part list, String message) {
        MigrationStreamBuilder stream = ramHead("pc").sectionHead(1, 2, "ram", 0, 4);
        list.writeTo(stream);
        refused(stream.i64(0x10).build(), FailureKind.DUMP_INVALID, message);
    }

    private static void refused(byte[] stream, FailureKind kind, String message) {
        for (int pieceSize : new int[] {stream.length, 1}) {
            StateferryException failure =
                    catchThrowableOfType(StateferryException.class, () -> Streams.check(stream, pieceSize));
            assertThat(failure).as(message).isNotNull().hasMessageContaining(message);
            assertThat(failure.kind()).as(message).isEqualTo(kind);
            assertThat(failure.offset()).as(message).isNotNegative();
        }
    }
}
