//! The receive ring of a packet socket (TPACKET_V2): memory shared with the kernel, one frame per slot, handed to and fro
//! by the slot's first word. Source: Documentation/networking/packet_mmap.rst.
//! Must never know: what is in a frame.

use super::{checked, packet};
use std::io;
use std::marker::PhantomData;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of one slot, `struct tpacket2_hdr` included.
pub const SLOT: usize = 2048;

/// Bytes at the start of a slot that stay the kernel's: `struct tpacket2_hdr` and the `sockaddr_ll` behind it.
pub const SLOT_HEADER: usize = size_of::<libc::tpacket2_hdr>() + size_of::<libc::sockaddr_ll>();

/// Bytes that the kernel allocates in one piece.
const BLOCK: usize = 64 * 1024;

/// The mapped ring of one socket.
#[derive(Debug)]
pub struct Ring {
    base: NonNull<u8>,
    slots: usize,
    next: usize,
    held: usize,
}

// SAFETY: the mapping belongs to this value alone and is no more bound to a thread than a Box is.
unsafe impl Send for Ring {}

/// A slot's description of its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// `TP_STATUS_*`.
    pub status: u32,
    /// Bytes of the frame on the wire.
    pub len: usize,
    /// Bytes of it in the slot.
    pub captured: usize,
    /// Where the link header begins, counted from the end of `SLOT_HEADER`.
    pub link: usize,
    /// 802.1Q tag control information, if `TP_STATUS_VLAN_VALID`.
    pub tag: u16,
    /// Its protocol, if `TP_STATUS_VLAN_TPID_VALID`.
    pub tag_protocol: u16,
    /// `PACKET_HOST` and its siblings.
    pub kind: u8,
}

/// The filled slots, in order of arrival.
pub struct Filled<'a> {
    base: NonNull<u8>,
    slots: usize,
    next: &'a mut usize,
    held: &'a mut usize,
    memory: PhantomData<&'a mut [u8]>,
}

impl Ring {
    /// Gives `socket` a ring of at least `slots` slots and maps it. To be called before bind.
    ///
    /// # Errors
    /// The error of a system call; `EBUSY` when an option came in the wrong order.
    pub fn map(socket: BorrowedFd<'_>, slots: usize) -> io::Result<Self> {
        let per_block = BLOCK / SLOT;
        let blocks = slots.div_ceil(per_block).max(1);
        let count = |n: usize| libc::c_uint::try_from(n).map_err(io::Error::other);
        let request = libc::tpacket_req {
            tp_block_size: count(BLOCK)?,
            tp_block_nr: count(blocks)?,
            tp_frame_size: count(SLOT)?,
            tp_frame_nr: count(blocks * per_block)?,
        };
        packet::set_struct(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a new shared mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                blocks * BLOCK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, slots: blocks * per_block, next: 0, held: 0 })
    }

    /// The slots that the kernel has filled and that were not taken yet.
    pub fn filled(&mut self) -> Filled<'_> {
        Filled { base: self.base, slots: self.slots, next: &mut self.next, held: &mut self.held, memory: PhantomData }
    }

    /// Gives every taken slot back to the kernel, in order.
    pub fn release(&mut self) {
        let first = self.next + self.slots - self.held;
        for slot in first..first + self.held {
            status_of(self.base, slot % self.slots).store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
        self.held = 0;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `map`; no borrow of it outlives `self`.
        let _ = checked(unsafe { libc::munmap(self.base.as_ptr().cast(), self.slots * SLOT) });
    }
}

impl<'a> Filled<'a> {
    /// The description of the next frame; `None` when no slot is filled.
    #[must_use]
    pub fn peek(&self) -> Option<Head> {
        if *self.held >= self.slots {
            return None;
        }
        let status = status_of(self.base, *self.next).load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: slot `next` is inside the mapping and, by its status, ours; the kernel has written both structs at
        // these offsets and leaves them alone until the status goes back. Both are plain integers, aligned (16, 4).
        let (header, address) = unsafe {
            let slot = self.base.add(*self.next * SLOT);
            let address = slot.add(size_of::<libc::tpacket2_hdr>()).cast::<libc::sockaddr_ll>();
            (slot.cast::<libc::tpacket2_hdr>().read(), address.read())
        };
        Some(Head {
            status,
            len: header.tp_len as usize,
            captured: header.tp_snaplen as usize,
            link: usize::from(header.tp_mac).saturating_sub(SLOT_HEADER),
            tag: header.tp_vlan_tci,
            tag_protocol: header.tp_vlan_tpid,
            kind: address.sll_pkttype,
        })
    }

    /// Takes the next slot's memory behind `SLOT_HEADER`, to be kept until `Ring::release`. `None` when none is filled.
    pub fn take(&mut self) -> Option<&'a mut [u8]> {
        self.peek()?;
        let slot = *self.next;
        *self.next = (slot + 1) % self.slots;
        *self.held += 1;
        // SAFETY: the slot is inside the mapping and ours until `release`, which needs the ring that 'a borrows mutably.
        // No slot is given out twice: `next` has moved on and `held` bounds the way round. The first SLOT_HEADER bytes,
        // where the kernel looks at the status, are not part of the slice. 'a cannot outlive the mapping.
        Some(unsafe {
            std::slice::from_raw_parts_mut(self.base.add(slot * SLOT + SLOT_HEADER).as_ptr(), SLOT - SLOT_HEADER)
        })
    }
}

/// The word that gives the slot to the kernel or to us. `slot` must be below the number of slots.
fn status_of<'a>(base: NonNull<u8>, slot: usize) -> &'a AtomicU32 {
    // SAFETY: every slot starts with tp_status, a u32 at an aligned address inside the mapping, which both sides access
    // atomically and which no other reference covers. Callers use the reference at once, while they borrow the ring.
    unsafe { AtomicU32::from_ptr(base.add(slot * SLOT).cast().as_ptr()) }
}
