use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

/// A kind of personal data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An email address.
    Email,
    /// A telephone number.
    Phone,
    /// The number of a payment card (the *primary account number*).
    PaymentCard,
    /// An international bank account number.
    Iban,
    /// A social security number of the United States.
    UsSsn,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A date or year of birth.
    DateOfBirth,
    /// A given name.
    FirstName,
    /// A family name.
    LastName,
    /// Given and family name in one value.
    FullName,
    /// A line of a postal address that leads to a house.
    Address,
    /// A postal code.
    PostalCode,
    /// A gender or a form of address that tells it.
    Gender,
    /// A nationality.
    Nationality,
    /// The number of a passport.
    Passport,
    /// The number of a driver's licence.
    DriversLicence,
    /// What the setting of this name describes.
    Custom(Arc<str>),
}

impl Kind {
    /// Its name: lower case letters and `_`, except for [`Kind::Custom`], which keeps the name it was given.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::PaymentCard => "payment_card",
            Self::Iban => "iban",
            Self::UsSsn => "us_ssn",
            Self::IpAddress => "ip_address",
            Self::DateOfBirth => "date_of_birth",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::FullName => "full_name",
            Self::Address => "address",
            Self::PostalCode => "postal_code",
            Self::Gender => "gender",
            Self::Nationality => "nationality",
            Self::Passport => "passport",
            Self::DriversLicence => "drivers_licence",
            Self::Custom(name) => name,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
