package org.stateferry.e2e;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.extension.ExtendWith;
import org.stateferry.testing.NewestQemu;

/** What the QEMU on the path has judged, judged by the newest: save, import, resume, check, compare, delete, revert. */
@ExtendWith(NewestQemu.class)
class NewestQemuIT {
    @Nested
    class Ticker extends TickerIT {}

    @Nested
    class EarlierSnapshots extends EarlierSnapshotsIT {}

    @Nested
    class OtherDisks extends OtherDisksIT {}

    @Nested
    class BackgroundSnapshot extends BackgroundSnapshotIT {}

    @Nested
    class IntoSnapshot extends IntoSnapshotIT {}

    @Nested
    class Create extends CreateIT {}

    @Nested
    class Troubleshooting extends TroubleshootingIT {}

    @Nested
    class ImageLayout extends ImageLayoutIT {}
}
